import { nodesBackwards } from "../onnx/all-tensors.ts";
import { isExternal } from "../onnx/external.ts";
import type { TensorMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { originOf, type Source, type Stretch } from "../onnx/source.ts";
import type { NewValues } from "../onnx/tensor-edits.ts";
import { hasFact } from "./operators.ts";

/** Size in bytes below which a tensor is copied: shapes, axes and scales, which inference reads. */
const LEAST = 1024;

/**
 * Returns the tensors of the main graph whose raw data is contiguous in a file, with its position;
 * these can refer to that file. Excludes tensors of bodies and functions, because onnxruntime-web
 * does not find data files for them. Excludes tensors whose alignment matters, because onnxruntime
 * computes on external data at its position in the file, aligned or not.
 */
export function linkable(file: ModelFile): [TensorMessage, Stretch][] {
  const fixed = placeSensitive(file);
  const initializers = file.graph.initializers.filter(({ name }) => !fixed.has(name));
  const constants = file.graph.nodes.flatMap(({ opType, domain, outputs, attributes }) =>
    opType === "Constant" && domain === "" && !fixed.has(outputs[0])
      ? attributes.flatMap(({ name, t }) => (name === "value" && t ? [t] : []))
      : [],
  );
  return [...initializers, ...constants].flatMap((tensor) => {
    const { raw, frame, externalData } = tensor;
    if (!raw || raw.end - raw.start < LEAST || frame.earlier) return [];
    if (isExternal(tensor) || externalData.length > 0) return [];
    const origin = originOf(file.source, raw);
    return origin ? [[tensor, origin] as [TensorMessage, Stretch]] : [];
  });
}

/** Returns these tensors with their positions as new values, if `fits` accepts their files. */
export const linkedValues = (
  file: ModelFile,
  fits: (source: Source) => boolean = () => true,
): NewValues[] =>
  linkable(file).flatMap(([tensor, { source, start, end }]) =>
    fits(source)
      ? [{ tensor, to: { location: source.name, offset: start, length: end - start } }]
      : [],
  );

/**
 * Returns the names of values that sensitive operators read. onnxruntime must place their numbers
 * itself for the result to stay bit-identical. The names of all scopes are in one set.
 */
export function placeSensitive({ graph, message }: ModelFile): ReadonlySet<string> {
  const names = new Set<string>();
  const functions = new Set(message.functions.map(({ domain, name }) => `${domain}.${name}`));
  for (const { opType, domain, inputs, outputs } of nodesBackwards(graph)) {
    if ((domain === "" && hasFact(opType, "sensitive")) || functions.has(`${domain}.${opType}`))
      for (const name of inputs) names.add(name);
    else if (hasFact(opType, "shares") && outputs.some((name) => names.has(name)))
      names.add(inputs[0]);
  }
  return names;
}
