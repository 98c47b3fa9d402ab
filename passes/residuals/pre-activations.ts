import type { Node, Value } from "../../src/graph/graph.ts";
import { walk } from "../../src/graph/walk.ts";
import type { Setting } from "./residual.ts";
import type { Link } from "./skip-chain.ts";
import { PARTS, takenOf } from "./written-out.ts";

type Facts = Pick<Setting, "constants">;

/** Norms and activations that are operators of their own. */
const WHOLE = [
  "BatchNormalization GroupNormalization InstanceNormalization",
  "Relu LeakyRelu PRelu Elu Selu Celu Gelu HardSwish Swish Mish Softsign ThresholdedRelu",
].flatMap((row) => row.split(" "));

/** What a pre-activation is written with. */
const STEPS: ReadonlySet<string> = new Set([...PARTS, ...WHOLE]);

/** Operators that a pre-activation is written with, at most. */
const SHORT = 24;

/** Values that one search may look at. */
const LOOKS = 200;

/**
 * Links to the other pre-activations of the value that a projected skip's pre-activation is taken of:
 * the same norm and activation with other weights, from which the branch starts (DPN, and ResNets
 * whose projection has a norm of its own).
 */
export function preActivations({ constants }: Facts, link: Link): Link[] {
  const { value } = link;
  if (link.kind !== "projected" || !link.mixed || !value.producer) return [];
  const x = takenOf({ constants }, value, undefined, STEPS);
  const steps = x && stepsTo({ constants }, value, x);
  if (!x || !steps) return [];
  return [...madeOf(x)]
    .filter((other) => other !== value && stepsTo({ constants }, other, x) === steps)
    .map((other) => ({ ...link, value: other }));
}

/** Values that are made of another by the steps of a pre-activation, as far as a search looks. */
function madeOf(x: Value): ReadonlySet<Value> {
  const steps = ({ uses }: Value) =>
    uses.flatMap(({ node }) => (STEPS.has(node.op) ? (node.outputs[0] ?? []) : []));
  const made = new Set(walk([x], steps, LOOKS));
  made.delete(x);
  return made;
}

/** The operators between a value and x, in alphabetical order; null if a way back ends elsewhere. */
function stepsTo({ constants }: Facts, value: Value, x: Value): string | null {
  const nodes = new Set<Node>();
  const seen = new Set<Value>([value]);
  for (const at of seen) {
    if (at === x) continue;
    if (!at.producer || !STEPS.has(at.producer.op) || nodes.size > SHORT) return null;
    nodes.add(at.producer);
    for (const input of at.producer.inputs) if (input && !constants.has(input)) seen.add(input);
  }
  return nodes.size === 0
    ? null
    : [...nodes]
        .map(({ op }) => op)
        .sort()
        .join();
}
