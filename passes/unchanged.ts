import type { Graph } from "../src/graph/graph.ts";
import { typeOfTensor } from "../src/graph/types.ts";
import { changes } from "../src/runtime/changes.ts";
import { type Outcome, ran } from "../src/runtime/outcome.ts";
import type { Plan } from "./laurelize.ts";

/** What of a result was held against its original, and everything in which it differs unplanned. */
export interface UnchangedReport {
  readonly weights: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly differences: readonly string[];
}

/** Holds what changed in the file against what was planned. */
export function checkUnchanged(
  original: Graph,
  result: Graph,
  plan: Plan,
): Outcome<UnchangedReport> {
  const { file } = original;
  const found = changes(file, result.file);
  const differences = [...found.differences];
  const expect = (what: string, got: readonly string[], planned: readonly string[]) => {
    if ([...got].sort().join("\0") !== [...planned].sort().join("\0"))
      differences.push(`${what} are not those planned`);
  };
  const { nodes, tensors, redirects } = plan.patch;
  const added = [
    ...found.nodes.map((node) => node.outputs[0]),
    ...found.initializers.map(({ name }) => name),
  ];
  expect("new nodes and weights", added, [
    ...nodes.flatMap(({ node }) => node.outputs),
    ...tensors.map(({ name }) => name),
  ]);
  expect(
    "redirected inputs",
    found.redirected.map(({ output, index }) => `${output} ${index}`),
    redirects.map(({ use }) => `${use.node.message.outputs[0]} ${use.index}`),
  );
  return ran(differences.length === 0, {
    weights: [...original.main.values.values()].filter(typeOfTensor).length,
    inputs: file.graph.inputs.length,
    outputs: file.graph.outputs.length,
    differences,
  });
}
