import { FIELD } from "../onnx/messages.ts";
import { InputError, type Source } from "../onnx/source.ts";
import { patchedSource, splices } from "../onnx/splices.ts";
import { bytesField } from "../onnx/wire-bytes.ts";
import { valueInfo } from "./encode.ts";
import type { Graph } from "./graph.ts";
import { typeOfInfo } from "./types.ts";

/** Sizes by the name of a free dimension; an unnamed one is "input.axis". */
export type Sizes = Readonly<Record<string, number>>;

/**
 * The model with its inputs' free dimensions bound to sizes; those not named stay free. Throws an
 * InputError where a name is none of a free dimension, or a size is none.
 */
export function bound({ file, main }: Graph, sizes: Sizes): Source {
  const unknown = new Set(Object.keys(sizes));
  const free = new Set<string>();
  const inputs = new Set(main.inputs.map(({ name }) => name));
  const edits = file.graph.inputs.flatMap((info) => {
    const type = typeOfInfo(info);
    if (!type?.shape || !inputs.has(info.name)) return [];
    const shape = type.shape.map((dim, axis) => {
      if (typeof dim === "number") return dim;
      const name = dim || `${info.name}.${axis}`;
      free.add(name);
      unknown.delete(name);
      return Object.hasOwn(sizes, name) ? sizes[name] : dim;
    });
    if (shape.every((dim, axis) => dim === type.shape![axis])) return [];
    const { at, end, parent } = info.frame;
    const bytes = bytesField(FIELD.graphInput, valueInfo(info.name, { ...type, shape }));
    return [{ start: at, end, bytes, frame: parent! }];
  });
  for (const name of unknown)
    throw new InputError(
      `${file.source.name} has no free dimension ${name}; it has ${[...free].join(", ") || "none"}.`,
    );
  for (const [name, size] of Object.entries(sizes))
    if (!Number.isSafeInteger(size) || size < 1)
      throw new InputError(`the size ${size} of ${name} is no whole number from 1 on.`);
  return patchedSource(file.source, splices(edits));
}
