import { unzipSync } from "fflate";
import { parse } from "npyjs";
import onnxProto from "onnx-proto";
import type { Tensor } from "onnxruntime-common";
import type { Graph } from "../graph/graph.ts";
import { showShape, type Types } from "../graph/types.ts";
import { dataTypeNamed, elements } from "../onnx/data-types.ts";
import { openTensor } from "../onnx/model-file.ts";
import { InputError } from "../onnx/source.ts";
import { tensorOfBytes } from "./floats.ts";
import { type Ort, reason, type Tensors } from "./session.ts";

const { onnx } = onnxProto;

/** A tensor of the user's before it is held against the model. */
interface Given {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** numpy's type codes, as npyjs gives them. */
const NUMPY: Record<string, string> = {
  b1: "bool",
  i1: "int8",
  u1: "uint8",
  i2: "int16",
  u2: "uint16",
  i4: "int32",
  u4: "uint32",
  i8: "int64",
  u8: "uint64",
  f2: "float16",
  f4: "float",
  f8: "double",
};

/** Inputs from an .npz: one array for each input of the model, by name. */
export function feedsOfNpz(ort: Ort, graph: Graph, types: Types, file: Uint8Array): Tensors {
  const arrays = new Map<string, Given>();
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(file);
  } catch {
    throw new InputError("the inputs are no .npz file; write one with numpy.savez.");
  }
  for (const [name, bytes] of Object.entries(entries)) {
    const { dtype, data, shape, fortranOrder } = readArray(name, bytes);
    if (fortranOrder)
      throw new InputError(
        `array ${name} of the inputs is in Fortran order; save numpy.ascontiguousarray of it.`,
      );
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    arrays.set(name.replace(/\.npy$/, ""), {
      dtype: NUMPY[dtype] ?? dtype,
      dims: shape,
      bytes: raw,
    });
  }
  return matched(ort, graph, types, arrays);
}

function readArray(name: string, bytes: Uint8Array): ReturnType<typeof parse> {
  try {
    return parse(new Uint8Array(bytes).buffer, { convertFloat16: false });
  } catch (error) {
    throw new InputError(
      `array ${name} of the inputs cannot be read (${reason(error)}); write it with numpy.savez.`,
    );
  }
}

/** Inputs from the files of an ONNX test_data_set folder: input_0.pb for the first input, and so on. */
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
    let name: string;
    let read: Given;
    try {
      name = onnx.TensorProto.decode(file).name || input.name;
      read = openTensor(file);
    } catch {
      throw new InputError(`input_${index}.pb is no TensorProto; give a folder of ONNX test data.`);
    }
    given.set(graph.main.inputs.some((value) => value.name === name) ? name : input.name, read);
  }
  return matched(ort, graph, types, given);
}

function matched(ort: Ort, graph: Graph, types: Types, given: ReadonlyMap<string, Given>): Tensors {
  const feeds: Record<string, Tensor> = {};
  for (const input of graph.main.inputs) {
    const array = given.get(input.name);
    if (!array)
      throw new InputError(
        `the inputs hold no array ${input.name}; they hold ${[...given.keys()].join(", ") || "none"}.`,
      );
    const type = types.get(input);
    const fits =
      array.dims.length === type?.shape?.length &&
      type.shape.every((dim, k) => typeof dim !== "number" || dim === array.dims[k]);
    if (type && array.dtype !== type.dtype)
      throw new InputError(
        `array ${input.name} of the inputs is ${array.dtype}, and the model takes ${type.dtype}; convert it with .astype.`,
      );
    if (type?.shape && !fits)
      throw new InputError(
        `array ${input.name} of the inputs has shape ${showShape(array.dims)}, and the model takes ${showShape(type.shape)}.`,
      );
    const bits = dataTypeNamed(array.dtype)?.bits;
    if (!bits || array.bytes.length * 8 !== elements(array.dims) * bits)
      throw new InputError(
        `array ${input.name} of the inputs holds ${array.bytes.length} bytes, which its shape ${showShape(array.dims)} and type do not fill; write it again.`,
      );
    feeds[input.name] = tensorOfBytes(ort, array.dtype, array.bytes, array.dims);
  }
  return feeds;
}
