import { knownSizes, typeOfInfo } from "../../src/graph/graph.ts";
import type { Port } from "../../src/graph/patch-contents.ts";
import type { Model } from "../../src/model.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import type { Specialized } from "../gradient/specialize.ts";

/** Elements of the largest value for which memory is saved: with larger ones, a step takes 3 % longer. */
const LARGEST = 2 ** 21;

/**
 * Returns the inputs of images with the number of images in a batch left open, as the model has it.
 * If all sizes are known, onnxruntime assigns buffers at load time: values of the backward pass then
 * reserve buffers of the forward pass, which nothing else can use in between.
 */
export function openRows({ file }: Model, { model: { graph }, types }: Specialized): Port[] {
  const sizes = graph.main.nodes.flatMap(({ outputs }) =>
    outputs.map((value) => elements(knownSizes(types, value) ?? [])),
  );
  if (sizes.some((count) => count > LARGEST)) return [];
  const rowsOf = new Map(
    file.graph.inputs.map((info) => [info.name, typeOfInfo(info)?.shape?.[0]]),
  );
  return graph.file.graph.inputs.flatMap((info): Port[] => {
    const [type, rows] = [typeOfInfo(info), rowsOf.get(info.name)];
    if (type?.shape?.length !== 4 || typeof rows !== "string") return [];
    const shape = type.shape.with(0, rows || `${info.name}.0`);
    return [{ name: info.name, type: { ...type, shape } }];
  });
}
