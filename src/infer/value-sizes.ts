import { freeMemory } from "#node";
import { InputError } from "../errors.ts";
import type { Graph, Types } from "../graph/graph.ts";
import { dataTypeNamed, elements, showShape } from "../onnx/dtypes.ts";

/** Size in bytes of one value above which a model is never run, whatever memory there is. */
const LARGEST = 2 ** 33;

/**
 * Throws an InputError if a value has a fixed size that is unreasonable or exceeds the free memory.
 * A few bytes can request terabytes, and a system that grants them ends the process.
 */
export function checkSizes({ file, main }: Graph, types: Types): void {
  const largest = Math.min(LARGEST, freeMemory() ?? Infinity);
  for (const value of main.values.values()) {
    const { dtype, shape } = types.get(value) ?? {};
    if (value.initializer || !shape?.every((dim) => typeof dim === "number")) continue;
    const bytes = (elements(shape) * (dataTypeNamed(dtype ?? "")?.bits || 8)) / 8;
    if (bytes > largest)
      throw new InputError(
        `${file.source.name}: ${value.producer ? "value" : "input"} ${value.name} has the shape ${showShape(shape)}, which takes ${(bytes / 1e9).toPrecision(3)} GB, too much to run the model here; pass --prove sites.`,
      );
  }
}
