import { attribute, type Graph, InputError, type Node, type Value } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-edits.ts";
import { isFloat, type Type, type Types } from "../../src/graph/types.ts";
import { type Writing, writing } from "../../src/graph/writing.ts";
import type { Judging, Loss, LossOptions, Verdict } from "../losses/loss.ts";
import { port } from "./step.ts";

/** What a model's output is held against. */
export interface Target {
  readonly name: string;
  readonly type: Type;
}

/** A loss written behind a model's output. */
export interface Judged extends Verdict {
  /** How many classes there are; null where the loss knows none. */
  readonly classes: number | null;
  readonly patch: Patch;
}

/** The output that is judged: the one of this name, or the only one of floats. */
export function judgedOutput({ file, main }: Graph, types: Types, name: string | null): Value {
  const { outputs } = main;
  const listed = outputs.map((output) => output.name).join(", ");
  if (name !== null) {
    const found = outputs.find((output) => output.name === name) ?? main.values.get(name);
    if (!found)
      throw new InputError(`${file.source.name} has no output ${name}; it has ${listed}.`);
    return found;
  }
  const floats = outputs.filter((output) => isFloat(types.get(output)?.dtype));
  if (floats.length === 1) return floats[0];
  throw new InputError(
    floats.length === 0
      ? `${file.source.name} has no output of floats to train; it has ${listed || "none"}.`
      : `${file.source.name} has ${floats.length} outputs of floats; say with --until which of ${listed} is to be judged.`,
  );
}

/**
 * Writes a loss behind an output: the target becomes an input, the loss and its metrics become
 * outputs, and the model's own outputs are no longer told. Throws an InputError where the target
 * does not fit.
 */
export function judge(
  graph: Graph,
  types: Types,
  output: Value,
  loss: Loss,
  target: Target,
  options: LossOptions,
): Judged {
  const type = types.get(output);
  if (!type?.shape)
    throw new InputError(`the shape of output ${output.name} is not known; give --dim.`);
  const axis = loss.classAxis(type.shape, options);
  if (axis !== null && !(axis in type.shape))
    throw new InputError(
      `output ${output.name} has ${type.shape.length} axes, and no axis ${options.classAxis ?? axis} of classes; give --class-axis.`,
    );
  const misfit = loss.misfit(type, target.type, options);
  if (misfit) throw new InputError(`${loss.name} on output ${output.name}: ${misfit}.`);
  if (axis !== null && typeof type.shape[axis] !== "number")
    throw new InputError(
      `axis ${axis} of output ${output.name} holds the classes and has no fixed size; give --dim.`,
    );
  const written = writing(graph, "loss");
  const [value, before] = activationOf(graph, types, output, loss, axis);
  const dtype = type.dtype === "double" ? "double" : "float";
  const own = cast(written, value.name, types.get(value)!.dtype, dtype);
  const shaped = `${types.get(value)!.shape}` === `${type.shape}`;
  const judging: Judging = {
    writing: written,
    output: {
      name: shaped ? own : written.to.reshape(own, type.shape as number[]),
      dtype,
      shape: type.shape,
    },
    before,
    target: {
      name: isFloat(target.type.dtype)
        ? cast(written, target.name, target.type.dtype, dtype)
        : target.name,
      dtype: isFloat(target.type.dtype) ? dtype : target.type.dtype,
      shape: target.type.shape ?? type.shape,
    },
    options,
  };
  const { loss: scalar, metrics, judged } = loss.write(judging);
  const classes = axis === null ? null : Number(type.shape[axis]);
  const { nodes, tensors } = written;
  return {
    loss: scalar,
    metrics,
    judged,
    classes,
    patch: {
      nodes,
      tensors,
      redirects: [],
      inputs: [port(target.name, target.type)],
      outputs: [scalar, ...Object.values(metrics), judged].map((name) => port(name)),
      untold: graph.main.outputs.map(({ name }) => name),
    },
  };
}

const cast = ({ to }: Writing, name: string, from: string, dtype: string) =>
  from === dtype ? name : to.cast(name, dtype);

/** Operators after a final activation that only shape its values. */
const SHAPING: ReadonlySet<string> = new Set(["Flatten", "Reshape", "Squeeze", "Unsqueeze"]);

/**
 * What a final activation that the loss has of its own is given, and which it is: as far as no more
 * than shapes and float types come after it.
 */
function activationOf(
  graph: Graph,
  types: Types,
  output: Value,
  { looksThrough }: Loss,
  axis: number | null,
): [Value, Judging["before"]] {
  const shapeOf = (value: Value) => types.get(value)?.shape ?? [];
  const passes = ({ op, inputs: [x] }: Node) =>
    x &&
    (op === "Identity" ||
      (op === "Cast" && isFloat(types.get(x)?.dtype)) ||
      (SHAPING.has(op) && [...shapeOf(x), ...shapeOf(output)].every(Number.isInteger)));
  let at = output;
  while (at.producer && passes(at.producer)) at = at.producer.inputs[0]!;
  const node = at.producer;
  const found = looksThrough.find((op) => op === node?.op);
  if (!node?.inputs[0] || !found) return [output, null];
  if (found === "Sigmoid") return [node.inputs[0], found];
  const shape = shapeOf(at);
  const perAxis = (graph.file.opsets.get("") ?? 7) >= 13;
  const own = attribute(node, "axis")?.i ?? (perAxis ? -1 : 1);
  const along = own < 0 ? own + shape.length : own;
  // Before opset 13 all axes from this one on are taken together.
  const alone = perAxis || along === shape.length - 1;
  return alone && axis !== null && sameAxis(shape, along, shapeOf(output), axis)
    ? [node.inputs[0], found]
    : [output, null];
}

type Shape = NonNullable<Type["shape"]>;

/** Whether an axis of one shape is that of another, in which the same elements lie in order. */
function sameAxis(from: Shape, k: number, to: Shape, l: number): boolean {
  if (`${from}` === `${to}`) return k === l;
  const before = (shape: Shape, axis: number) =>
    shape.slice(0, axis).reduce<number>((a, b) => a * Number(b), 1);
  return from[k] === to[l] && before(from, k) === before(to, l);
}
