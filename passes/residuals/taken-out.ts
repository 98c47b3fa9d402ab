import { numbersOf } from "../../src/graph/constants.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { comesBy } from "./branch-of-x.ts";
import { inFloats, traits } from "./operators.ts";
import type { Setting, Term } from "./residual.ts";
import { skipChain } from "./skip-chain.ts";

/**
 * Whether a sum removes x again: x + (f − x), which is f, or x + z·(f − x) with a computed gate z
 * between the two. With a constant c, x + c·(f − x) keeps 1 − c of x, like a scaled residual.
 */
export function takesOut(
  setting: Setting,
  { value: branch, factor: own = 1 }: Term,
  x: Value,
  skipFactor = 1,
): boolean {
  const seen = new Set<Value>();
  let factor = own / skipFactor;
  for (const { value, kind } of skipChain(setting, branch)) {
    if (kind === "projected" || seen.has(value)) return false;
    seen.add(value);
    const node = value.producer;
    if (node?.op === "Sub" && differs(setting, node, x))
      return (comesBy(setting, node.inputs[1], x) ? 1 : -1) === factor;
    if (node && isGate(setting, node, x, seen)) return true;
    if (node && traits(setting, node).scale) factor *= factorOf(setting, node);
  }
  return false;
}

/** Whether a node is a product of computed values that contains a difference from x, times constants or not. */
function isGate(setting: Setting, node: Node, x: Value, seen: Set<Value>): boolean {
  if (inFloats(node.op) !== "Mul") return false;
  const factors = node.inputs.filter((value) => value && !setting.constants.has(value));
  return factors.length > 1 && factors.some((value) => holdsDifference(setting, value!, x, seen));
}

function holdsDifference(setting: Setting, from: Value, x: Value, seen: Set<Value>): boolean {
  for (const { value, kind } of skipChain(setting, from)) {
    if (kind === "projected" || seen.has(value)) return false;
    seen.add(value);
    const node = value.producer;
    if (node?.op === "Sub" && differs(setting, node, x)) return true;
    if (node && isGate(setting, node, x, seen)) return true;
  }
  return false;
}

/** Whether a difference is between x and a value other than a pool of x, as in PoolFormer. */
function differs(setting: Setting, { inputs }: Node, x: Value): boolean {
  const [from, less] = inputs;
  if (comesBy(setting, less, x)) return !pools(setting, from, x);
  return comesBy(setting, from, x) && !pools(setting, less, x);
}

/** Returns the only number that a node multiplies by; NaN if there are several or none is known. */
function factorOf({ graph, constants }: Setting, { op, inputs }: Node): number {
  if (op === "Neg") return -1;
  const numbers = numbersOf(
    graph,
    inputs.find((value) => value && constants.has(value)),
  );
  const [first] = numbers ?? [];
  if (first === undefined || numbers!.some((number) => number !== first)) return Number.NaN;
  return op === "Div" ? 1 / first : first;
}

const pools = (setting: Setting, value: Value | null, x: Value) =>
  value?.producer != null &&
  traits(setting, value.producer).pooling &&
  comesBy(setting, value.producer.inputs[0], x);
