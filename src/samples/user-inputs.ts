import type { Tensor } from "onnxruntime-common";
import { InputError, tried } from "../errors.ts";
import { openNpz } from "../formats/npz.ts";
import { canBeSame, dataTypeNamed, elements, showShape } from "../onnx/dtypes.ts";
import { openTensor } from "../onnx/model-file.ts";
import type { DenseTensor } from "../onnx/new-node.ts";
import { bytesSource } from "../onnx/source.ts";
import type { Tensors } from "../ort/session.ts";
import { tensorOfBytes } from "../ort/tensors.ts";
import type { Sampled } from "./attempts.ts";

/** Reads inputs from an .npz: one array for each input of the model, by name. */
export function feedsOfNpz(model: Sampled, file: Uint8Array, free: number | null): Tensors {
  const npz = openNpz(bytesSource(file, "the file of inputs"), free);
  const arrays = npz.names.map((name): [string, DenseTensor] => {
    const { dtype, dims, load } = npz.array(name);
    return [name, { name, dtype, dims, data: load() }];
  });
  return matched(model, new Map(arrays));
}

/** Reads inputs from an ONNX test_data_set folder: input_0.pb for the first, and so on. */
export function feedsOfTestData(model: Sampled, files: ReadonlyMap<string, Uint8Array>): Tensors {
  const { inputs } = model.graph.main;
  const given = new Map<string, DenseTensor>();
  for (const [index, input] of inputs.entries()) {
    const file = files.get(`input_${index}.pb`);
    if (!file) continue;
    const read = tried(() => openTensor(file));
    if (!read)
      throw new InputError(
        `input_${index}.pb is not a TensorProto; give a folder of ONNX test data.`,
      );
    const isInput = inputs.some((value) => value.name === read.name);
    given.set(isInput ? read.name : input.name, read);
  }
  return matched(model, given);
}

/** Checks a user's tensors against the model's inputs. */
function matched(model: Sampled, given: ReadonlyMap<string, DenseTensor>): Tensors {
  const { ort, graph, types } = model;
  const feeds: Record<string, Tensor> = Object.create(null);
  for (const input of graph.main.inputs) {
    const array = given.get(input.name);
    if (!array)
      throw new InputError(
        `the inputs do not contain an array ${input.name}; they contain ${[...given.keys()].join(", ") || "none"}.`,
      );
    const type = types.get(input);
    if (type && array.dtype !== type.dtype)
      throw new InputError(
        `array ${input.name} of the inputs is ${array.dtype}, but the model takes ${type.dtype}; convert it with .astype.`,
      );
    if (type?.shape && !canBeSame(type.shape, array.dims))
      throw new InputError(
        `array ${input.name} of the inputs has shape ${showShape(array.dims)}, but the model takes ${showShape(type.shape)}.`,
      );
    const bits = dataTypeNamed(array.dtype)?.bits;
    if (!bits || array.data.length * 8 !== elements(array.dims) * bits)
      throw new InputError(
        `array ${input.name} of the inputs has ${array.data.length} bytes, which do not match its shape ${showShape(array.dims)} and type; write it again.`,
      );
    feeds[input.name] = tensorOfBytes(ort, array.dtype, array.data, array.dims);
  }
  return feeds;
}
