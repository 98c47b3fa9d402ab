import { InputError } from "../../src/errors.ts";
import { typeOfInfo, type Value } from "../../src/graph/graph.ts";
import type { Model } from "../../src/model.ts";
import { type Dimension, isFloat, showShape, type Type } from "../../src/onnx/dtypes.ts";
import type { Options } from "../../src/options.ts";
import { checkOpset, checkPlain, writeGraph } from "./graph-of-loss.ts";
import {
  type Loss,
  type LossInputs,
  type LossOutputs,
  type LossTensor,
  lossFunction,
} from "./loss.ts";

const [OUTPUT, TARGET] = ["output", "target"];

/** What the name of an input starts with that is given another output of the model. */
const OTHER_OUTPUT = "output.";

/** A graph's input and what its file declares of it. */
const declared = ({ file, graph }: Model, name: string): Type | null => {
  const info = file.graph.inputs.find((input) => input.name === name);
  return info && graph.main.inputs.some((input) => input.name === name) ? typeOfInfo(info) : null;
};

/**
 * Returns the loss that a model computes: its inputs are `output` and, if it has one, `target`,
 * `output.NAME` for another output, and arrays of the data by their names. Its first output of
 * floats, or that named `loss`, is the loss, one number or one for each row; other scalars are
 * metrics. Throws an InputError if a model is not a loss.
 */
export function graphLoss(model: Model): Loss {
  const { name } = model.source;
  const inputs = model.graph.main.inputs.map((input) => input.name);
  if (!inputs.includes(OUTPUT))
    throw new InputError(
      `the loss ${name} has ${inputs.length === 0 ? "no inputs" : `the inputs ${inputs.join(", ")}`}; a loss has the input output, and target if it needs one.`,
    );
  checkPlain(model);
  const results = resultsOf(model);
  const further = inputs.filter((input) => input !== OUTPUT && input !== TARGET);
  const isOutput = (input: string) => input.startsWith(OTHER_OUTPUT);
  // An option for each further input says what it is given.
  const named = further.map((input) => [
    input,
    { type: "string", default: isOutput(input) ? input.slice(OTHER_OUTPUT.length) : input },
  ]);
  return lossFunction({
    name,
    about: `computed by ${name}`,
    options: Object.fromEntries(named) as Options,
    arrays: further.filter((input) => !isOutput(input)),
    others: further.filter(isOutput),
    targetless: () => !inputs.includes(TARGET),
    fit: () => ({ axis: null }),
    write: (inputs) => write(model, results, inputs),
  }) as Loss;
}

function resultsOf({ file, graph, source }: Model) {
  const types = new Map(file.graph.outputs.map((info) => [info.name, typeOfInfo(info)]));
  const floats = graph.main.outputs.filter(({ name }) => isFloat(types.get(name)?.dtype));
  const loss = floats.find(({ name }) => name === "loss") ?? floats[0];
  if (!loss)
    throw new InputError(`the loss ${source.name} has no float output; its value must be one.`);
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

/** What the inputs of a graph are given. Throws an InputError if it is not what they declare. */
function givenTo(model: Model, { to, output, target, arrays, others }: LossInputs) {
  const sizes = new Map<string, Dimension>();
  const given = Object.entries({ [OUTPUT]: output, [TARGET]: target, ...arrays, ...others });
  return new Map(
    given.flatMap(([input, { name, dtype, shape }]): [string, string][] => {
      const wanted = declared(model, input);
      if (!wanted) return [];
      const fitting = withAxesOfOne(shape, wanted.shape);
      if ((isFloat(dtype) && !isFloat(wanted.dtype)) || !agree(wanted.shape, fitting, sizes))
        throw new InputError(
          `${model.source.name} on output ${output.name}: its input ${input} is ${wanted.dtype} ${showShape(wanted.shape)}, and what it is given is ${dtype} ${showShape(shape)}.`,
        );
      const cast = to.cast(name, wanted.dtype, dtype);
      const isAs = fitting.length === shape.length;
      return [[input, isAs ? cast : to.reshape(cast, fitting.map(Number))]];
    }),
  );
}

/** A shape in the rank that is declared: axes of one that are declared, or that are not. */
function withAxesOfOne(given: LossTensor["shape"], wanted: Type["shape"]): LossTensor["shape"] {
  if (!wanted || wanted.length === given.length) return given;
  const long = given.filter((size, axis) => axis === 0 || size !== 1);
  const sizes = [...long];
  const fitting = wanted.map((size) => (size === 1 ? 1 : (sizes.shift() ?? 1)));
  const isWhole = sizes.length === 0 && wanted.filter((size) => size !== 1).length === long.length;
  return isWhole ? fitting : given;
}

/** Whether a shape is one that is declared; sizes of free dimensions are noted by name. */
function agree(
  wanted: Type["shape"],
  given: LossTensor["shape"],
  sizes: Map<string, Dimension>,
): boolean {
  if (!wanted) return true;
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

function write(
  model: Model,
  { loss, metrics }: ReturnType<typeof resultsOf>,
  inputs: LossInputs,
): LossOutputs {
  const { builder, op, to, constant, output, rows } = inputs;
  checkOpset(model, inputs.opset);
  const nameOf = writeGraph(builder, model, givenTo(model, inputs), inputs.opset);
  const mean = (value: Value) =>
    to.cast(op.ReduceMean(nameOf(value.name), null, { keepdims: 0 }), output.dtype);
  return {
    loss: mean(loss),
    metrics: Object.fromEntries(metrics.map((value) => [value.name, mean(value)])),
    examples: op.Identity(constant("float", [], [rows])),
  };
}
