import type { Builder } from "../../src/graph/builder.ts";
import type { NewNode } from "../../src/onnx/new-node.ts";

/**
 * Returns the nodes that outputs are computed from, in topological order, and the constants. `renamed`
 * gives new names to values.
 */
export function reached(
  builder: Builder,
  outputs: readonly string[],
  renamed: ReadonlyMap<string, string>,
) {
  const nameOf = (value: string) => renamed.get(value) ?? value;
  const wanted = new Set(outputs);
  const kept: NewNode[] = [];
  for (const { node } of builder.nodes.toReversed()) {
    if (!node.outputs.some((output) => wanted.has(output))) continue;
    for (const input of node.inputs) wanted.add(input);
    // An operator's first output is never optional.
    const outputs = node.outputs.map((output, k) =>
      k === 0 || wanted.has(output) ? nameOf(output) : "",
    );
    while (outputs.at(-1) === "") outputs.pop();
    kept.push({ ...node, name: nameOf(node.name), inputs: node.inputs.map(nameOf), outputs });
  }
  const tensors = builder.tensors.filter(({ name }) => wanted.has(name));
  return { nodes: kept.reverse(), tensors, nameOf };
}
