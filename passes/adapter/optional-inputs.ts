import { checkModel, checkNames } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { patchedFile } from "../../src/graph/patch.ts";
import { weightNamed } from "../../src/graph/scopes.ts";
import { typeOfTensor } from "../../src/graph/types.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { mainWeightOf } from "./weights.ts";

/** The first IR version whose initializers can be overridden by inputs of their name. */
const OVERRIDABLE = 4;

/**
 * The model with weights of its main graph as optional inputs: inputs of the same name, type and
 * shape that are behind its own, whose default is the weight. Adapters of onnxruntime override
 * them; onnxruntime's JavaScript API cannot. Throws an InputError if a name is not a weight, or if
 * the model is older than IR version 4.
 */
export function weightsAsOptionalInputs(model: Model, names: readonly string[]): Model {
  checkModel("weightsAsOptionalInputs", model);
  checkNames("weightsAsOptionalInputs", names);
  const { graph, folder } = model;
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
    .map((value) => ({ name: value.name, type: typeOfTensor(weightNamed(graph, value.name)!) }));
  const patch = {
    removed: constants,
    tensors: constants.map(({ name }) => mainWeightOf(model, name)),
    inputs,
  };
  return modelOf(patchedFile(model.file, patch).source, folder);
}
