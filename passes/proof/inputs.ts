import { freeMemory } from "#node";
import {
  checkArgument,
  checkBytesByName,
  checkGiven,
  checkModel,
  type WithOrt,
  withOrt,
} from "../../src/arguments.ts";
import { type Model, typesOf } from "../../src/model.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { feedsOfNpz, feedsOfTestData } from "../../src/samples/user-inputs.ts";

/** Reads a proof's inputs from an .npz: an array for each input. Throws an InputError if one does not fit. */
export async function inputsFromNpz(
  model: Model,
  npz: Uint8Array,
  options: WithOrt,
): Promise<Tensors> {
  checkModel("inputsFromNpz", model);
  checkArgument("inputsFromNpz", npz, npz instanceof Uint8Array, "the bytes of an .npz");
  checkGiven("inputsFromNpz", options, withOrt);
  const { ort } = options;
  const { types } = await typesOf(model, ort);
  return feedsOfNpz({ ort, graph: model.graph, types }, npz, freeMemory());
}

/**
 * Reads a proof's inputs from the files of an ONNX test_data_set folder. Throws an InputError if
 * one does not fit.
 */
export async function inputsFromTestData(
  model: Model,
  files: ReadonlyMap<string, Uint8Array>,
  options: WithOrt,
): Promise<Tensors> {
  checkModel("inputsFromTestData", model);
  checkBytesByName("inputsFromTestData", files);
  checkGiven("inputsFromTestData", options, withOrt);
  const { ort } = options;
  const { types } = await typesOf(model, ort);
  return feedsOfTestData({ ort, graph: model.graph, types }, files);
}
