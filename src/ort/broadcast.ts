import type { Tensor } from "onnxruntime-common";
import { elements, forEachPlace } from "../onnx/dtypes.ts";
import type { Ort } from "./session.ts";
import { dtypeOf, tensorOfBytes } from "./tensors.ts";

/** Returns the shape to which numpy broadcasts these shapes; null if there is none. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] | null {
  const rank = Math.max(...shapes.map(({ length }) => length));
  const shape: number[] = new Array(rank).fill(1);
  for (const dims of shapes)
    for (const [k, dim] of dims.entries()) {
      const at = rank - dims.length + k;
      if (dim !== 1 && shape[at] !== 1 && shape[at] !== dim) return null;
      if (dim !== 1) shape[at] = dim;
    }
  return shape;
}

/** Returns, for every index into the broadcast shape, the index into a tensor of these dims. */
export function placesIn(dims: readonly number[], shape: readonly number[]): Uint32Array {
  const own = [...new Array(shape.length - dims.length).fill(1), ...dims];
  const strides = own.map((dim, k) => (dim === 1 ? 0 : elements(own.slice(k + 1))));
  const places = new Uint32Array(elements(shape));
  forEachPlace(shape, strides, (index, place) => {
    places[index] = place;
  });
  return places;
}

/** Broadcasts a tensor of numbers to a larger shape; returns it unchanged if it has that shape. */
export function expanded(ort: Ort, tensor: Tensor, shape: readonly number[]): Tensor {
  if (tensor.dims.join() === shape.join()) return tensor;
  const data = tensor.data as Float32Array;
  const places = placesIn(tensor.dims, shape);
  const larger = new (data.constructor as typeof Float32Array)(places.length);
  for (let k = 0; k < larger.length; k++) larger[k] = data[places[k]];
  return tensorOfBytes(ort, dtypeOf(tensor), new Uint8Array(larger.buffer), shape);
}
