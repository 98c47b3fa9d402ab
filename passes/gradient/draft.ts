import type { Writing } from "../../src/graph/builder.ts";
import type { DenseTensor, NewNode } from "../../src/onnx/new-node.ts";

/** What is left of a draft: nodes in order, constants, and the names that values have now. */
export interface Finished {
  readonly nodes: readonly NewNode[];
  readonly tensors: readonly DenseTensor[];
  readonly nameOf: (value: string) => string;
}

/**
 * Of what was written, the nodes and constants that the ends come from. `renamed` gives new names
 * to what these nodes make.
 */
export function finished(
  writing: Writing,
  ends: readonly string[],
  renamed: ReadonlyMap<string, string>,
): Finished {
  const nameOf = (value: string) => renamed.get(value) ?? value;
  const wanted = new Set(ends);
  const kept: NewNode[] = [];
  for (const { node } of writing.nodes.toReversed()) {
    if (!node.outputs.some((output) => wanted.has(output))) continue;
    for (const input of node.inputs) wanted.add(input);
    // No operator's first output is optional.
    const outputs = node.outputs.map((output, k) =>
      k === 0 || wanted.has(output) ? nameOf(output) : "",
    );
    while (outputs.at(-1) === "") outputs.pop();
    kept.push({ ...node, name: nameOf(node.name), inputs: node.inputs.map(nameOf), outputs });
  }
  const tensors = writing.tensors.filter(({ name }) => wanted.has(name));
  return { nodes: kept.reverse(), tensors, nameOf };
}
