import { checkArgument, checkBytesByName, checkModel, checkNames } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { dataOf, tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import { patchedBytes } from "../../src/graph/patch.ts";
import { type Replacing, replaceWeights } from "../../src/graph/replace-weights.ts";
import { weightNamed } from "../../src/graph/scopes.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { externalLocations } from "../../src/onnx/all-tensors.ts";
import type { Folder } from "../../src/onnx/model-file.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { withWeightsAsInputs } from "../../src/ort/loading.ts";
import { notedAsTrained } from "./trained.ts";

/**
 * Replaces the values of weights by name: initializers or Constant nodes of the main graph, as raw
 * little-endian data of the same length. If a weight is raw data in the model, only those bytes
 * change. New values of external tensors go into the data file `newData`, which is written with the
 * model; without `newData` they go into the model. Throws an InputError if a name is not a weight,
 * or if a length does not match. A laurelized model records in its metadata which of the weights
 * are not LAuReL's, so that `extract` includes them.
 */
export function withWeights(
  model: Model,
  weights: ReadonlyMap<string, Uint8Array>,
  placing: Replacing = {},
): Model {
  checkModel("withWeights", model);
  checkBytesByName("withWeights", weights);
  const changed = modelOf(replaceWeights(model.graph, weights, placing));
  return notedAsTrained(changed, [...weights.keys()], changed.size !== model.size);
}

/** Returns a weight of the main graph or of a body: its type, shape and values as raw data. */
export function weightOf(model: Model, name: string): DenseTensor {
  checkModel("weightOf", model);
  checkArgument("weightOf", name, typeof name === "string", "the name of a weight");
  const value = weightNamed(model.graph, name);
  const tensor = tensorOf(value);
  const dtype = tensor && typeOfTensor(value!)?.dtype;
  if (!tensor || !dtype)
    throw new InputError(`${model.source.name} has no weight ${name}; check the name.`);
  return { name, dtype, dims: tensor.dims, data: dataOf(value)! };
}

/**
 * Returns a weight that can become an input, as training needs it. Throws an InputError for a
 * weight of a body, because an operator that searches for tokens accepts no new outer values.
 */
export function mainWeightOf(model: Model, name: string): DenseTensor {
  const weight = weightOf(model, name);
  if (model.graph.main.values.has(name)) return weight;
  throw new InputError(
    `weight ${name} of ${model.source.name} is inside the decoder of a token search, so it cannot be an input or be trained there; train the decoder as a model of its own.`,
  );
}

/**
 * Turns weights of the main graph into inputs of the same name, type and shape, which every run must
 * feed. They follow the model's inputs, in file order. Throws an InputError if a name is not a weight.
 */
export function weightsAsInputs(model: Model, names: readonly string[]): Model {
  checkModel("weightsAsInputs", model);
  checkNames("weightsAsInputs", names);
  const { graph } = model;
  for (const name of names) mainWeightOf(model, name);
  const wanted = new Set(names);
  const ordered = [...graph.main.values.keys()].filter((name) => wanted.has(name));
  const file = withWeightsAsInputs(graph, ordered);
  const { companion, ...folder } = file.folder ?? {};
  const left = companion && !externalLocations(file).has(companion.location);
  return modelOf(left ? { ...file, folder: folder as Folder } : file);
}

/** The first IR version whose initializers can be overridden by inputs of their name. */
const OVERRIDABLE = 4;

/**
 * Turns weights of the main graph into optional inputs, whose defaults they are. Adapters of
 * onnxruntime override them; its JavaScript API cannot. Throws an InputError if a name is not a
 * weight, or if the model is older than IR version 4.
 */
export function weightsAsOptionalInputs(model: Model, names: readonly string[]): Model {
  checkModel("weightsAsOptionalInputs", model);
  checkNames("weightsAsOptionalInputs", names);
  const { graph } = model;
  const { irVersion } = model.file.message;
  if (irVersion < OVERRIDABLE)
    throw new InputError(
      `${model.source.name} has IR version ${irVersion}, in which inputs cannot have defaults; use --weights as-inputs, or convert the model to IR version ${OVERRIDABLE}.`,
    );
  const wanted = new Set(names);
  for (const name of wanted) mainWeightOf(model, name);
  const present = new Set(model.file.graph.inputs.map(({ name }) => name));
  const values = [...graph.main.values.values()].filter(({ name }) => wanted.has(name));
  const constants = values.filter(({ initializer }) => !initializer);
  const inputs = values
    .filter(({ name }) => !present.has(name))
    .map((value) => ({ name: value.name, type: typeOfTensor(value) }));
  const patch = {
    removed: constants,
    tensors: constants.map(({ name }) => mainWeightOf(model, name)),
    inputs,
  };
  return modelOf(patchedBytes(model.file, patch));
}
