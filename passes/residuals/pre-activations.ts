import type { Node, Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import { computedSources } from "./operators.ts";
import type { KnownGraph } from "./residual.ts";
import type { Link } from "./skip-chain.ts";
import { PARTS, takenOf } from "./written-out.ts";

/** Operators of a pre-activation. */
const STEPS: ReadonlySet<string> = new Set([
  ...PARTS,
  ...operatorsThat("norm"),
  ...operatorsThat("activation"),
]);

/** Maximum number of operators in a pre-activation. */
const SHORT = 24;

/** Maximum number of values that a search visits. */
const LOOKS = 200;

/**
 * Returns links to the other pre-activations of the value behind a projected skip: the same norm
 * and activation with other weights, where the branch starts (DPN, and ResNets whose projection has
 * its own norm).
 */
export function preActivations({ constants }: Pick<KnownGraph, "constants">, link: Link): Link[] {
  const { value } = link;
  if (link.kind !== "projected" || !link.mixed || !value.producer) return [];
  const x = takenOf({ constants }, value, undefined, STEPS);
  const steps = x && stepsTo(constants, value, x);
  if (!x || !steps) return [];
  const next = ({ uses }: Value) =>
    uses.flatMap(({ node }) => (STEPS.has(node.op) ? (node.outputs[0] ?? []) : []));
  return [...walk([x], next, LOOKS)]
    .filter((other) => ![x, value].includes(other) && stepsTo(constants, other, x) === steps)
    .map((other) => ({ ...link, value: other }));
}

/** Returns the sorted operators between a value and x; null if a path back ends elsewhere. */
function stepsTo(constants: ReadonlySet<Value>, value: Value, x: Value): string | null {
  const nodes = new Set<Node>();
  for (const at of walk([value], (made) =>
    made === x ? [] : computedSources({ constants }, made),
  )) {
    if (at === x) continue;
    if (!at.producer || !STEPS.has(at.producer.op) || nodes.size > SHORT) return null;
    nodes.add(at.producer);
  }
  const ops = [...nodes].map(({ op }) => op).sort();
  return ops.length === 0 ? null : ops.join();
}
