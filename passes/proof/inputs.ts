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
  checkArgument("inputsFromNpz", npz, npz instanceof Uint8Array, "the bytes of an .npz");
  return feedsOfNpz(await typed("inputsFromNpz", model, options), npz, freeMemory());
}

/** Reads a proof's inputs from a folder of ONNX test data. Throws an InputError if one does not fit. */
export async function inputsFromTestData(
  model: Model,
  files: ReadonlyMap<string, Uint8Array>,
  options: WithOrt,
): Promise<Tensors> {
  checkBytesByName("inputsFromTestData", files);
  return feedsOfTestData(await typed("inputsFromTestData", model, options), files);
}

async function typed(of: string, model: Model, options: WithOrt) {
  checkModel(of, model);
  checkGiven(of, options, withOrt);
  const { ort } = options;
  return { ort, graph: model.graph, types: (await typesOf(model, ort)).types };
}
