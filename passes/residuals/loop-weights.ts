import { type Graph, outputsOf, readsOf, type Scope, type Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { behind } from "../../src/graph/walk.ts";
import { bodyInputs } from "../../src/infer/loops.ts";

/**
 * Returns constants together with those inside loops: what a loop passes on unchanged, as some
 * exporters write weights, slices of a constant, and what is computed from these alone.
 */
export function withLoopWeights(
  { main }: Pick<Graph, "main">,
  fixed: ReadonlySet<Value>,
): ReadonlySet<Value> {
  if (main.bodies.length === 0) return fixed;
  const known = new Set(fixed);
  const isKnown = (value: Value | null) => value === null || known.has(value);
  const enter = (body: Scope) => {
    const { carried, counted } = bodyInputs(body, () => null);
    const kept = carried.filter(
      ({ input, output }) => behind(output, ({ op }) => op === "Identity") === input,
    );
    for (const { input, operand } of [...kept, ...counted]) if (isKnown(operand)) known.add(input);
  };
  const visit = ({ nodes }: Scope, inLoop: boolean) => {
    for (const node of nodes) {
      const isLoop = hasFact(node.op, "loop");
      for (const body of node.bodies) {
        if (isLoop) enter(body);
        visit(body, inLoop || isLoop);
      }
      const isFixed = node.bodies.length === 0 && !hasFact(node.op, "random");
      if (inLoop && isFixed && readsOf(node).every(isKnown))
        for (const output of outputsOf(node)) known.add(output);
    }
  };
  visit(main, false);
  return known;
}
