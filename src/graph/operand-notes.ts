import { append, type Edit } from "../onnx/edits.ts";
import type { GraphMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { annotationNaming, deviceEdits, renaming } from "../onnx/operand-notes.ts";
import { type Node, outward, type Use } from "./graph.ts";
import { groupBy } from "./group-by.ts";

type Redirect = { readonly use: Use; readonly name: string };

/** Returns the edits that update annotations of operands to the values that nodes now read. */
export function noteEdits(file: ModelFile, redirects: readonly Redirect[]): Edit[] {
  const edits: Edit[] = [];
  for (const [{ message }, ofNode] of groupBy(redirects, ({ use }) => use.node)) {
    const inputs = message.inputs.map(
      (name, k) => ofNode.find(({ use }) => use.index === k)?.name ?? name,
    );
    edits.push(...deviceEdits(file, message, renaming(message, inputs)));
  }
  const noted = new Set<string>();
  for (const { use, name } of redirects) {
    const annotation = annotationOf(use.node, use.node.message.inputs[use.index]);
    if (!annotation || noted.has(name)) continue;
    noted.add(name);
    edits.push(
      append(annotation.graph, annotationNaming(file.reader, annotation.annotation, name)),
    );
  }
  return edits;
}

function annotationOf(node: Node, name: string) {
  for (const { message } of outward(node.scope)) {
    const graph = "annotations" in message ? (message as GraphMessage) : null;
    const annotation = graph?.annotations.find((each) => each.name === name);
    if (graph && annotation) return { graph, annotation };
  }
  return null;
}
