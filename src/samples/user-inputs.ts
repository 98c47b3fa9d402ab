import type { Tensor } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { openNpz } from "../formats/npz.ts";
import type { Graph, Types } from "../graph/graph.ts";
import { canBeSame, dataTypeNamed, elements, showShape } from "../onnx/dtypes.ts";
import { openTensor } from "../onnx/model-file.ts";
import { bytesSource } from "../onnx/source.ts";
import type { Ort, Tensors } from "../ort/session.ts";
import { tensorOfBytes } from "../ort/tensors.ts";

/** A user's tensor before it is checked against the model. */
interface Given {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** Reads inputs from an .npz: one array for each input of the model, by name. */
export function feedsOfNpz(
  ort: Ort,
  { graph, types }: { readonly graph: Graph; readonly types: Types },
  file: Uint8Array,
  free: number | null,
): Tensors {
  const npz = openNpz(bytesSource(file, "the file of inputs"), free);
  const arrays = npz.names.map((name): [string, Given] => {
    const { dtype, dims, load } = npz.array(name);
    return [name, { dtype, dims, bytes: load() }];
  });
  return matched(ort, graph, types, new Map(arrays));
}

/** Reads inputs from an ONNX test_data_set folder: input_0.pb for the first, and so on. */
export function feedsOfTestData(
  ort: Ort,
  graph: Graph,
  types: Types,
  files: ReadonlyMap<string, Uint8Array>,
): Tensors {
  const given = new Map<string, Given>();
  for (const [index, input] of graph.main.inputs.entries()) {
    const file = files.get(`input_${index}.pb`);
    if (!file) continue;
    let read: Given & { readonly name: string };
    try {
      read = openTensor(file);
    } catch {
      throw new InputError(
        `input_${index}.pb is not a TensorProto; give a folder of ONNX test data.`,
      );
    }
    const isInput = graph.main.inputs.some((value) => value.name === read.name);
    given.set(isInput ? read.name : input.name, read);
  }
  return matched(ort, graph, types, given);
}

function matched(ort: Ort, graph: Graph, types: Types, given: ReadonlyMap<string, Given>): Tensors {
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
    if (!bits || array.bytes.length * 8 !== elements(array.dims) * bits)
      throw new InputError(
        `array ${input.name} of the inputs has ${array.bytes.length} bytes, which do not match its shape ${showShape(array.dims)} and type; write it again.`,
      );
    feeds[input.name] = tensorOfBytes(ort, array.dtype, array.bytes, array.dims);
  }
  return feeds;
}
