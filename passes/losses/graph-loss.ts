import { checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { typeOfInfo, type Value } from "../../src/graph/graph.ts";
import type { Model } from "../../src/model.ts";
import { type Dimension, isFloat, showShape, type Type } from "../../src/onnx/dtypes.ts";
import { checkOpset, checkPlain, writeGraph } from "./graph-of-loss.ts";
import {
  type FitAsked,
  type Loss,
  type LossInputs,
  type LossOutputs,
  lossFunction,
} from "./loss.ts";

const [OUTPUT, TARGET] = ["output", "target"];

/** A graph's input and what its file declares of it. */
const declared = ({ file, graph }: Model, name: string): Type | null => {
  const info = file.graph.inputs.find((input) => input.name === name);
  return info && graph.main.inputs.some((input) => input.name === name) ? typeOfInfo(info) : null;
};

/**
 * Returns the loss that a model computes: its inputs are `output` and, if it has one, `target`; its
 * first output of floats, or that named `loss`, is the loss, one number or one for each row; other
 * scalars are metrics. Throws an InputError if a model is not a loss.
 */
export function graphLoss(model: Model): Loss {
  checkModel("finetune", model, "loss");
  const { name } = model.source;
  const inputs = model.graph.main.inputs.map((input) => input.name);
  const others = inputs.filter((input) => input !== OUTPUT && input !== TARGET);
  if (!inputs.includes(OUTPUT) || others.length > 0)
    throw new InputError(
      `the loss ${name} has ${inputs.length === 0 ? "no inputs" : `the inputs ${inputs.join(", ")}`}; a loss has the input output, and target if it needs one, and no others.`,
    );
  checkPlain(model);
  const results = resultsOf(model);
  return lossFunction({
    name,
    about: `computed by ${name}`,
    options: {},
    targetless: () => !inputs.includes(TARGET),
    fit: (asked) => misfit(model, asked) ?? { axis: null },
    write: (inputs) => write(model, results, inputs),
  }) as Loss;
}

/** The outputs of a graph that are the loss and its metrics. */
interface Results {
  readonly loss: Value;
  readonly metrics: readonly Value[];
}

function resultsOf({ file, graph, source }: Model): Results {
  const types = new Map(file.graph.outputs.map((info) => [info.name, typeOfInfo(info)]));
  const floats = graph.main.outputs.filter(({ name }) => isFloat(types.get(name)?.dtype));
  const loss = floats.find(({ name }) => name === "loss") ?? floats[0];
  if (!loss) throw new InputError(`the loss ${source.name} has no float output.`);
  const shape = types.get(loss.name)?.shape;
  if (shape && shape.filter((dim) => dim !== 1).length > 1)
    throw new InputError(
      `output ${loss.name} of the loss ${source.name} has the shape ${showShape(shape)}; a loss must be one number, or one for each row.`,
    );
  const scalars = floats.filter(
    (value) => value !== loss && types.get(value.name)?.shape?.every((dim) => dim === 1),
  );
  return { loss, metrics: scalars };
}

/** Why an output and its target are not what a graph takes, the end of a sentence; null if they are. */
function misfit(model: Model, { output, target }: FitAsked): string | null {
  const sizes = new Map<string, Dimension>();
  for (const [name, given] of [
    [OUTPUT, output],
    [TARGET, target],
  ] as const) {
    const wanted = declared(model, name);
    if (!wanted || !given) continue;
    const title = `its input ${name} is ${wanted.dtype} ${showShape(wanted.shape)}`;
    if (isFloat(given.dtype) && !isFloat(wanted.dtype))
      return `${title}, and what it is given holds ${given.dtype} ${showShape(given.shape)}`;
    if (!agree(wanted.shape, given.shape, sizes))
      return `${title}, and what it is given is ${given.dtype} ${showShape(given.shape)}`;
  }
  return null;
}

/** Whether a shape is one that is declared; sizes of free dimensions are noted by name. */
function agree(wanted: Type["shape"], given: Type["shape"], sizes: Map<string, Dimension>) {
  if (!wanted || !given) return true;
  return (
    wanted.length === given.length &&
    wanted.every((dim, k) => {
      const own = given[k];
      if (typeof own !== "number" || dim === "") return true;
      if (typeof dim === "number") return dim === own;
      const known = sizes.get(dim) ?? own;
      sizes.set(dim, known);
      return known === own;
    })
  );
}

function write(model: Model, { loss, metrics }: Results, inputs: LossInputs): LossOutputs {
  const { builder, output, target, rows } = inputs;
  const { op, to, constant } = builder;
  checkOpset(model, inputs.opset);
  const cast = ({ name, dtype }: typeof output, wanted: string | undefined) =>
    wanted === undefined || wanted === dtype ? name : to.cast(name, wanted);
  const nameOf = writeGraph(
    builder,
    model,
    new Map([
      [OUTPUT, cast(output, declared(model, OUTPUT)?.dtype)],
      [TARGET, cast(target, declared(model, TARGET)?.dtype)],
    ]),
    inputs.opset,
  );
  const mean = (value: Value) =>
    to.cast(op.ReduceMean(nameOf(value.name), null, { keepdims: 0 }), output.dtype);
  return {
    loss: mean(loss),
    metrics: Object.fromEntries(metrics.map((value) => [value.name, mean(value)])),
    examples: op.Identity(constant("float", [], [rows])),
  };
}
