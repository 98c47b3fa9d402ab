import type { Node, Value } from "../../src/graph/graph.ts";
import { isFloat, showShape } from "../../src/onnx/dtypes.ts";
import { sameShape } from "./axes.ts";
import { comesInFloats, isAddedBack, isScatteredSum } from "./difference.ts";
import { flatten, independent, isParallel, MOST_TERMS } from "./nested-sums.ts";
import { areScores, isPosition, opensGate } from "./position.ts";
import { type Reason, reasons } from "./reasons.ts";
import { type Kind, type Setting, type Sum, type Term, termsAt } from "./residual.ts";
import { findLink } from "./skip-chain.ts";
import { trySkip } from "./try-skip.ts";

/** Which term of a sum is the skip, or why none is. */
type Slots = Chosen | { readonly reason: Reason; readonly optional?: Chosen };

interface Chosen {
  readonly skip: Term;
  readonly branches: readonly Term[];
  readonly kind: Kind;
  /** Whether the branches come from what the skip is projected from, not from the skip. */
  readonly projected?: boolean;
}

/**
 * Finds the slots of a sum by ancestry. The skip is the term from which all others are reached,
 * each through learned weights. If all terms come from one value, the skip is the term without a
 * nonlinearity.
 */
export function slots(setting: Setting, sum: Sum): Slots {
  const chosen = slotsOf(setting, sum);
  const isOpen =
    "reason" in chosen && ["unlearned", "constantSkip", "position"].includes(chosen.reason.code);
  return isOpen && areScores(setting, sum.output) ? { reason: reasons.scores() } : chosen;
}

function slotsOf(setting: Setting, sum: Sum): Slots {
  const reason = unfit(setting, sum);
  if (reason?.code === "constantSkip") {
    const [skip] = sum.terms.filter((term) => setting.constants.has(term.value));
    const branches = sum.terms.filter((term) => term !== skip);
    return { reason, optional: { skip, branches, kind: "constant" } };
  }
  if (reason) return { reason };
  const terms = sum.terms.filter((term) => !setting.constants.has(term.value));
  const chosen = chooseAmong(setting, sum, terms);
  if ("reason" in chosen) return chosen;
  if (isPosition(setting, sum)) return { reason: reasons.position() };
  if (chosen.kind === "projected" && opensGate(setting, sum.output))
    return { reason: reasons.opensGate() };
  if (sum.rare && !isResidualDifference(setting, sum, chosen))
    return { reason: reasons.unrelated() };
  const { value, factor = 1 } = chosen.skip;
  return factor < 0 ? { reason: reasons.subtracted(value) } : chosen;
}

/** Whether a difference is between a value and what is computed from it with weights, and is not added back. */
const isResidualDifference = (
  setting: Setting,
  sum: Sum,
  { skip, branches, projected }: Chosen,
): boolean =>
  !projected &&
  branches.every(({ value }) =>
    findLink(
      setting,
      skip.value,
      ({ kind, value: x }) =>
        kind !== "projected" &&
        setting.reach.paths(x, value, sum.node)?.mixed === true &&
        comesInFloats(setting, value, x),
    ),
  ) &&
  !isAddedBack(setting, sum);

/** Returns the slots of a sum's terms or, if there are none, of the terms of its inner sums. */
function chooseAmong(setting: Setting, sum: Sum, terms: readonly Term[]): Slots {
  const direct = choose(setting, sum.node, terms);
  const projected = "skip" in direct && direct.kind === "projected";
  if ("skip" in direct && !projected) return direct;
  const flat = flatten(setting, terms);
  if (!flat || flat.length === terms.length) return direct;
  const nested = choose(setting, sum.node, flat);
  const isBetter = "skip" in nested && !(projected && nested.kind === "projected");
  if (!isBetter || !independent(setting, sum.node, nested.branches)) return direct;
  if (!isComplete(setting, sum, nested)) return nested;
  return "skip" in direct ? direct : joined(setting, terms, nested.skip);
}

/** Whether a projected skip and its branch form an inner sum, to which another value is added. */
function isComplete(setting: Setting, sum: Sum, { skip, projected }: Chosen): boolean {
  const inner = skip.use.node;
  if (!projected || inner === sum.node) return false;
  const own = choose(setting, inner, termsAt(inner));
  return "skip" in own && own.skip.value === skip.value && !own.projected;
}

/** Returns the sum of a residual connection that is one of the terms, next to an unrelated term. */
function joined(setting: Setting, terms: readonly Term[], { use }: Term): Slots {
  const holds = (term: Term) =>
    flatten(setting, [term])?.some((part) => part.use.node === use.node) ?? false;
  const skip = terms.find(holds) ?? terms[0];
  const branches = terms.filter((term) => term !== skip);
  return { reason: reasons.joined(skip.value), optional: { skip, branches, kind: "merge" } };
}

/** Returns why a sum is excluded before the origin of its operands is examined. */
function unfit(setting: Setting, sum: Sum): Reason | null {
  const { types, constants, blocked, onlySized } = setting;
  const { output, terms, bias, closed, rare } = sum;
  const type = types.get(output);
  if (closed && rare && !isScatteredSum(setting, sum)) return reasons.unrelated();
  if (closed && !terms.some((term) => constants.has(term.value))) return closed;
  if (type && !isFloat(type.dtype)) return reasons.integers(type.dtype);
  if (onlySized.has(output)) return reasons.onlySized();
  if (bias && !constants.has(bias.value)) return reasons.computedBias(bias.value);
  const fixed = terms.filter((term) => constants.has(term.value));
  if (fixed.length === terms.length && fixed.length > 1) return reasons.allConstant();
  if (fixed.length > 0 && terms.length - fixed.length < 2) {
    const [{ value: constant }] = fixed;
    const isSkip = isConstantSkip(setting, sum, constant);
    return isSkip ? reasons.constantSkip() : reasons.bias(constant);
  }
  if (terms.some((term) => blocked.has(term.value))) return reasons.blocked();
  if (new Set(terms.map((term) => term.value)).size < terms.length) return reasons.doubled();
  if (terms.length > MOST_TERMS) return reasons.many(terms.length);
  const rank = type?.shape?.length ?? 0;
  if (terms.every(({ value }) => (types.get(value)?.shape?.length ?? 0) < rank))
    return reasons.unknownShape(terms[0].value);
  for (const { value } of terms) {
    if (constants.has(value)) continue;
    const shape = types.get(value)?.shape;
    if (!shape || !type?.shape) return reasons.unknownShape(shape ? output : value);
    if (!sameShape(shape, type.shape))
      return reasons.broadcast(terms.map((term) => showShape(types.get(term.value)?.shape)));
  }
  return null;
}

/** Whether a constant that is added is the skip of what is computed from it, and not a bias. */
function isConstantSkip(setting: Setting, sum: Sum, constant: Value): boolean {
  const { node, output, terms } = sum;
  const [own, shape] = [constant, output].map((value) => setting.types.get(value)?.shape);
  const single = own?.every((dim) => dim === 1);
  const spread = own?.some((dim, axis) => dim === 1 && shape?.[axis] !== 1);
  const whole = own && shape && !single && !spread && sameShape(own, shape);
  const reaches = terms.some((term) => setting.reach.paths(constant, term.value, node)?.mixed);
  return whole === true && reaches && !isPosition(setting, sum);
}

function choose(setting: Setting, node: Node, terms: readonly Term[]): Slots {
  const refused: Exclude<Slots, Chosen>[] = [];
  for (const [k, skip] of terms.entries()) {
    const others = terms.toSpliced(k, 1);
    const trial = { setting, node, skip, others };
    const tried = trySkip(trial);
    if (tried === null) continue;
    if ("reason" in tried) {
      const optional = tried.kind && { skip, branches: others, kind: tried.kind };
      const slots = { reason: tried.reason, ...(optional ? { optional } : {}) };
      if (tried.weak) refused.push(slots);
      else refused.unshift(slots);
    } else {
      const parallel = isParallel(trial);
      const projected = tried.kind === "projected";
      return { skip, branches: others, kind: parallel ? "parallel" : tried.kind, projected };
    }
  }
  if (refused.length > 0) return refused[0];
  const small = ({ value }: Term) => findLink(setting, value, ({ upsampled }) => upsampled);
  const branches = terms.filter(small);
  const [skip, ...more] = terms.filter((term) => !small(term));
  if (branches.length === 0 || !skip) return { reason: reasons.unrelated() };
  return {
    reason: reasons.merge(),
    optional: { skip, branches: [...more, ...branches], kind: "merge" },
  };
}
