import { freeMemory } from "#node";
import { InputError } from "../errors.ts";
import { bytes } from "../figures.ts";
import { numbersOf, tensorOf } from "../graph/constants.ts";
import { type Graph, inputsOf, type Node, type Types, type Value } from "../graph/graph.ts";
import { hasFact, operandsThat } from "../graph/operators.ts";
import { derived, nodesWithin } from "../graph/walk.ts";
import { dataTypeNamed, elements, showShape, type Type } from "../onnx/dtypes.ts";

/** Maximum number of sizes in a shape, because onnxruntime creates an axis for each, one by one. */
const LONGEST = 1024;
/** Maximum number of sizes in a shape with which onnxruntime still loads a model in a second. */
const LOADABLE = 1 << 18;

/** Maximum number of values through which a length is followed. */
const HOPS = 100;

/** A shape that is longer than any tensor's rank. */
export class ShapeLengthError extends InputError {
  /** Whether onnxruntime can be asked about the model: it takes half a second for so many axes. */
  readonly isLoadable: boolean;
  constructor(message: string, length: number) {
    super(message);
    this.isLoadable = length <= LOADABLE;
  }
}

type Known = (value: Value) => Type | null | undefined;

/**
 * Throws an InputError if a node, including those in bodies, reads a shape that is longer than any
 * tensor's rank. A few bytes can request billions of axes, and inference would never end.
 */
export function checkShapeLengths(node: Node, known: Known): void {
  for (const next of nodesWithin(node)) {
    const shape = shapeOf(next);
    const length = shape ? atMost(shape, known, 0) : 0;
    if (length > LONGEST)
      throw new ShapeLengthError(
        `${node.scope.file.source.name}: a ${next.op} (node ${next.index}) reads ${shape!.name}, a shape of ${length} sizes, but tensors have at most ${LONGEST} axes; the model is damaged.`,
        length,
      );
  }
}

/** Whether a node reads a shape whose length must be inferred first. */
export function takesUnmeasured(node: Node, known: Known): boolean {
  const shape = shapeOf(node);
  return shape !== null && atMost(shape, known, Number.POSITIVE_INFINITY) > LONGEST;
}

/** Number of elements of one value above which a model is not run to measure sizes. */
const HUGE = 2 ** 28;

/** Whether the constants of a node of the main graph give a value of unreasonable size. */
export const makesHuge = (graph: Graph, known: Known): boolean =>
  graph.main.nodes.some(
    ({ op, outputs: [made] }) => made && hasFact(op, "grows") && atMost(made, known, 0) > HUGE,
  );

const shapeOf = ({ op, inputs }: Node): Value | null =>
  inputs[operandsThat(op, "axes")?.[0] ?? -1] ?? null;

/** Returns the largest size of a value in elements; `unknown` if its operator does not show it. */
function atMost(value: Value, known: Known, unknown: number): number {
  const counted = (next: Value, of: (value: Value) => number): number => {
    const shape = tensorOf(next)?.dims ?? known(next)?.shape;
    const told = shape?.every((dim) => typeof dim === "number") ? elements(shape) : null;
    const { producer } = next;
    if (!producer || (told !== null && !hasFact(producer.op, "sized"))) return told ?? unknown;
    const count = lengthMade(next, { known, of, unknown });
    if (told === null) return count;
    // onnxruntime-node reports sizes modulo 2^32.
    return Number.isFinite(count) ? Math.max(told, count) : told;
  };
  const count = derived<Value, number>(
    (next, of, hops) => (hops > HOPS ? unknown : counted(next, of)),
    () => unknown,
  );
  return count(value);
}

/** How many elements a node makes at most, from the lengths of what it reads. */
function lengthMade(
  made: Value,
  { known, of, unknown }: { known: Known; of: (value: Value) => number; unknown: number },
): number {
  const { op, inputs } = made.producer!;
  const [first, second] = inputs;
  const product = (input: Value | null | undefined) => {
    const numbers = numbersOf(input);
    return numbers ? elements(numbers) : unknown;
  };
  if (op === "Constant") return numbersOf(made)?.length ?? unknown;
  if (op === "Size") return 1;
  if (op === "Shape") return (first && known(first)?.shape?.length) ?? 8;
  if (op === "Gather" && second) return of(second);
  if (hasFact(op, "shortens") && first) return of(first);
  const lengths = inputsOf(made.producer!).map(of);
  if (hasFact(op, "broadcasts")) return elements(lengths.map((length) => Math.max(1, length)));
  if (op === "Concat") return lengths.reduce((sum, length) => sum + length, 0);
  if (op === "ConstantOfShape") {
    const like = first?.producer?.op === "Shape" ? first.producer.inputs[0] : null;
    return like ? of(like) : product(first);
  }
  if ((op === "Expand" || op === "Tile") && first) return Math.max(1, of(first)) * product(second);
  if (op === "Pad" && first)
    return of(first) + (numbersOf(second)?.reduce((sum, pad) => sum + pad, 0) ?? unknown);
  const [start, limit, step] = inputs.map((input) => numbersOf(input)?.[0]);
  if (op === "Range" && start !== undefined && limit !== undefined && step)
    return Math.max(0, Math.ceil((limit - start) / step));
  return unknown;
}

/** Size in bytes of one value above which a model is never run, whatever memory there is. */
const MOST_BYTES = 2 ** 33;

/**
 * Throws an InputError if a value has a fixed size that is unreasonable or exceeds the free memory.
 * A few bytes can request terabytes, and a system that grants them ends the process.
 */
export function checkSizes({ file, main }: Graph, types: Types): void {
  const largest = Math.min(MOST_BYTES, freeMemory() ?? Infinity);
  for (const value of main.values.values()) {
    const { dtype, shape } = types.get(value) ?? {};
    if (value.initializer || !shape?.every((dim) => typeof dim === "number")) continue;
    const size = (elements(shape) * (dataTypeNamed(dtype ?? "")?.bits || 8)) / 8;
    if (size > largest)
      throw new InputError(
        `${file.source.name}: ${value.producer ? "value" : "input"} ${value.name} has the shape ${showShape(shape)}, which takes ${bytes(size)}, too much to run the model here; pass --prove sites.`,
      );
  }
}
