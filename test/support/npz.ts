import { unzipSync } from "fflate";
import { parse } from "npyjs";
import { Tensor } from "onnxruntime-node";

const TYPES: Record<string, string> = { f4: "float32", f8: "float64", i8: "int64", i4: "int32" };

/** The arrays of an .npz file as tensors, by name. */
export function tensorsOfNpz(file: Uint8Array): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(unzipSync(file)).map(([name, bytes]) => {
      const { dtype, data, shape } = parse(new Uint8Array(bytes).buffer);
      const tensor = new Tensor(TYPES[dtype] as "float32", data as Float32Array, shape);
      return [name.replace(/\.npy$/, ""), tensor];
    }),
  );
}
