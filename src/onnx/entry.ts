import onnxProto from "onnx-proto";

const { onnx } = onnxProto;

/** Decodes a StringStringEntryProto. Throws if the bytes are not one. */
export const decodeEntry = (bytes: Uint8Array): { readonly key: string; readonly value: string } =>
  onnx.StringStringEntryProto.decode(bytes);
