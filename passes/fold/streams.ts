import type { Node, Use, Value } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { graphNodes } from "../../src/graph/scopes.ts";
import { absorb, all, operandAt, type Plain } from "./absorb.ts";
import { costOf, type FoldEdit, type FoldPlan, keyOf, type Left } from "./draft.ts";
import { type Factor, isOne, isPositive, isSame, ONE, reciprocal, times } from "./factor.ts";
import { type At, nodeAt, takesFactors } from "./node-at.ts";
import { type Why, why } from "./reasons.ts";
import type { Passed, ScaleRule } from "./rules/rule.ts";
import { scaleRules } from "./rules/table.ts";
import type { FoldSite } from "./sites.ts";

/** Factors of streams stay between these, so that nothing over- or underflows. */
const [LEAST, MOST] = [2 ** -40, 2 ** 40];

/** What is known while the streams are rescaled. */
interface Pass {
  readonly plain: Plain;
  /** Keys of the skips' slots whose sum is held as it is. */
  readonly kept: ReadonlySet<string>;
  readonly factors: Map<Value, Factor>;
  readonly edits: FoldEdit[];
  readonly left: Map<string, Left>;
  readonly blocked: Map<string, Why>;
  readonly sums: Map<Node, Factor>;
  /** The site that began the factor of a value. */
  readonly origins: Map<Value, string>;
  readonly sites: ReadonlyMap<string, FoldSite>;
}

/**
 * Rescales streams so that β, or another factor of a sum's skip, goes away: the sum is held divided
 * by it, and so is all that is computed from the sum, up to operators that absorb the factor. An
 * operator that cannot reads its input times the factor. `kept` names sites whose sum is unchanged.
 */
function rescaled(plain: Plain, sites: readonly FoldSite[], kept: ReadonlySet<string>): FoldPlan {
  const pass: Pass = {
    plain,
    kept: new Set(sites.filter(({ name }) => kept.has(name)).map(({ skip }) => keyOf(skip.use))),
    factors: new Map(),
    edits: [],
    left: new Map(),
    blocked: new Map(),
    sums: new Map(),
    origins: new Map(),
    sites: new Map(sites.flatMap((s) => [s.skip, ...s.branches].map((e) => [keyOf(e.use), s]))),
  };
  for (const node of graphNodes(plain.facts.graph))
    if (!plain.inserted.has(node)) visit(pass, node);
  const { edits, left, factors, blocked, sums } = pass;
  return { edits, left, factors, blocked, sums, cost: costOf(edits, left.values(), sites) };
}

const factorOf = ({ factors }: Pass, value: Value | null): Factor =>
  (value && factors.get(value)) ?? ONE;

function visit(pass: Pass, node: Node): void {
  const { plain } = pass;
  const uses = node.inputs.map((_, index): Use => ({ node, index }));
  const factors = uses.map((use) => factorOf(pass, operandAt(plain, use)));
  const weighed = uses.some((use) => plain.edges.has(keyOf(use)));
  if (!weighed && factors.every(isOne)) return;
  const at = nodeAt(plain.facts, node);
  const rule = own(scaleRules, node.op);
  const passed =
    rule?.join && (weighed || factors.some((f) => !isOne(f)))
      ? joined(pass, node, at, rule)
      : forwarded(pass, node, weighed ? null : (rule?.forward?.(at, factors) ?? null));
  const origin = uses
    .map((use) => pass.sites.get(keyOf(use))?.name ?? pass.origins.get(operandAt(plain, use)!))
    .find((name) => name !== undefined);
  if (!passed) {
    for (const [k, use] of uses.entries()) block(pass, use, factors[k], origin);
    return;
  }
  for (const [k, value] of node.outputs.entries()) {
    const factor = passed.outputs[k] ?? ONE;
    if (!value || isOne(factor)) continue;
    pass.factors.set(value, factor);
    if (origin !== undefined) pass.origins.set(value, origin);
    if (value.isOutput) {
      pass.edits.push({ kind: "output", value, by: factor });
      if (origin !== undefined) pass.blocked.set(origin, why("output"));
    }
  }
}

/** A slot that reads its value times the factor, because its node takes none. */
function block(pass: Pass, use: Use, factor: Factor, origin: string | undefined): void {
  const edge = pass.plain.edges.get(keyOf(use));
  const by = edge ? times(factor, edge.coefficient) : factor;
  if (edge && by) pass.left.set(keyOf(use), { use, by, why: why("blocked", use.node.op) });
  else if (!isOne(factor)) pass.edits.push({ kind: "slot", use, by: factor });
  if (origin && !isOne(factor)) pass.blocked.set(origin, why("blocked", use.node.op));
}

/** What a rule passes on, if its requests can be met and its outputs can hold the factors. */
function forwarded(pass: Pass, node: Node, passed: Passed | null): Passed | null {
  for (let option: Passed | undefined | null = passed; option; option = option.otherwise) {
    if (!holds(pass, node, option.outputs)) continue;
    const edits = all(pass.plain, node, option.requests ?? []);
    if ("code" in edits) continue;
    pass.edits.push(...edits, ...attributesOf(node, option));
    return option;
  }
  return null;
}

const attributesOf = (node: Node, { attributes = [] }: Passed): FoldEdit[] =>
  attributes.map((each) => ({ kind: "attribute", node, ...each }));

/** Whether values of these types can be held divided by factors of these sizes. */
const holds = ({ plain }: Pass, node: Node, factors: readonly Factor[]) =>
  factors.every((factor, k) => {
    const value = node.outputs[k];
    if (!value || isOne(factor)) return true;
    const dtype = plain.facts.types.get(value)?.dtype ?? "";
    return takesFactors(dtype) && factor.values.every((v) => v >= LEAST && v <= MOST);
  });

/** One way of giving all operands of a sum the same factor. */
interface Joining {
  readonly factor: Factor;
  readonly passed: Passed;
  readonly edits: readonly FoldEdit[];
  readonly left: readonly Left[];
}

/** A sum: its operands get one factor, that which leaves the fewest to be multiplied. */
function joined(pass: Pass, node: Node, at: At, rule: ScaleRule): Passed | null {
  const { plain } = pass;
  const uses = (rule.join?.(at) ?? []).map((index): Use => ({ node, index }));
  const total = uses.map((use) => {
    const edge = plain.edges.get(keyOf(use));
    const factor = factorOf(pass, operandAt(plain, use));
    return edge ? times(factor, edge.coefficient) : factor;
  });
  if (total.includes(null)) return null;
  const keeps = uses.some((use) => pass.kept.has(keyOf(use)));
  const isOutput = node.outputs.some((value) => value?.isOutput);
  const candidates = [ONE, ...(keeps || isOutput ? [] : (total as Factor[]))];
  let best: Joining | null = null;
  for (const factor of candidates) {
    if (!isPositive(factor)) continue;
    const one = joinedAt(pass, { node, at, rule, uses }, total as Factor[], factor);
    if (one && (!best || one.left.length < best.left.length)) best = one;
    if (best?.left.length === 0) break;
  }
  if (!best) return null;
  pass.edits.push(...best.edits);
  pass.sums.set(node, best.factor);
  for (const one of best.left) {
    if (plain.edges.has(keyOf(one.use))) pass.left.set(keyOf(one.use), one);
    else pass.edits.push({ kind: "slot", use: one.use, by: one.by });
  }
  return best.passed;
}

function joinedAt(
  { plain, ...pass }: Pass,
  { node, at, rule, uses }: { node: Node; at: At; rule: ScaleRule; uses: readonly Use[] },
  total: readonly Factor[],
  factor: Factor,
): Joining | null {
  const passed = rule.forward ? rule.forward(at, [factor]) : { outputs: [factor] };
  if (!passed || !holds({ plain, ...pass }, node, passed.outputs)) return null;
  const edits: FoldEdit[] = attributesOf(node, passed);
  const left: Left[] = [];
  for (const [k, use] of uses.entries()) {
    // What the operand has to be multiplied by, on its own axes.
    const fitting = rule.joined?.(at, use.index, factor) ?? null;
    const own = fitting && (isSame(total[k], fitting) ? ONE : times(total[k], reciprocal(fitting)));
    if (!own) return null;
    if (isOne(own)) continue;
    const taken = absorb(plain, use, own);
    if (!("code" in taken)) edits.push(...taken);
    else left.push({ use, by: own, why: plain.extent === "all" ? taken : why("rounding") });
  }
  return { factor, passed, edits, left };
}

/** How many plans are tried, times the nodes that each walks over. */
const EFFORT = 2e6;

/**
 * Returns the plan that leaves the fewest factors. First streams are rescaled at every site; then
 * single sites keep their β if that costs less than the factors that are left behind them. `free`
 * is the plan in which none does.
 */
export function fewest(plain: Plain, sites: readonly FoldSite[]) {
  const everySite = new Set(sites.map(({ name }) => name));
  const free = rescaled(plain, sites, plain.extent === "all" ? new Set() : everySite);
  if (plain.extent !== "all") return { plan: free, free };
  let best: { plan: FoldPlan; kept: ReadonlySet<string> } = { plan: free, kept: new Set() };
  const consider = (kept: ReadonlySet<string>, atMost = best.plan.cost - 1) => {
    const plan = rescaled(plain, sites, kept);
    if (plan.cost <= atMost) best = { plan, kept };
  };
  if (free.cost > 0) {
    consider(everySite, best.plan.cost);
    const tries = Math.floor(EFFORT / Math.max(1, plain.facts.graph.main.nodes.length));
    for (const { name } of sites.slice(0, tries)) {
      if (best.plan.cost === 0) break;
      const kept = new Set(best.kept);
      if (kept.has(name)) kept.delete(name);
      else kept.add(name);
      consider(kept);
    }
  }
  return { plan: best.plan, free };
}
