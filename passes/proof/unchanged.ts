import { changes, wayTo } from "../../src/compare/changes.ts";
import { type Outcome, ran } from "../../src/compare/outcome.ts";
import { dataOf } from "../../src/graph/constants.ts";
import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import { scopeLike, scopesOf } from "../../src/graph/scopes.ts";
import { typeOfTensor } from "../../src/graph/types.ts";
import type { Plan } from "../laurelize/plan.ts";

/** What of a result was checked against its original, and every unplanned difference. */
export interface UnchangedReport {
  readonly weights: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly differences: readonly string[];
}

/** Checks the changes in the file against the plan. */
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
  const inside = (scope: Scope | undefined, name: string) => (scope ? wayTo(scope) : "") + name;
  const made = (node: Node | null, output: string) => inside(node?.scope, output);
  expect(
    "new nodes and weights",
    [...found.nodes, ...found.initializers],
    [
      ...nodes.map(({ before, node }) => made(before, node.outputs[0])),
      ...tensors.map(({ name, scope }) => inside(scope, name)),
    ],
  );
  expect(
    "redirected inputs",
    found.redirected,
    redirects.map(({ use: { node, index } }) => `${made(node, node.message.outputs[0])} ${index}`),
  );
  for (const { name, dtype, dims, data, scope } of tensors) {
    const there = scopeLike(result, scope ?? original.main)?.values.get(name);
    const type = there && typeOfTensor(there);
    if (!type) continue;
    const sameType = type.dtype === dtype && type.shape?.join() === dims.join();
    const stored = dataOf(result, there)!;
    if (!sameType || stored.length !== data.length || stored.some((byte, k) => byte !== data[k]))
      differences.push(`new weight ${name} is not as planned`);
  }
  return ran(differences.length === 0, {
    weights: [...scopesOf(original)].flatMap(({ values }) =>
      [...values.values()].filter(typeOfTensor),
    ).length,
    inputs: file.graph.inputs.length,
    outputs: file.graph.outputs.length,
    differences,
  });
}
