import type { Node, Value } from "../../src/graph/graph.ts";
import { isFloat } from "../../src/graph/types.ts";
import { showShape } from "../../src/onnx/shape.ts";
import { foreignRoot, isGated, isLinear } from "./branch-of-x.ts";
import { opensGate } from "./gate.ts";
import { flatten, independent, isOneMap, MOST_TERMS } from "./nested-sums.ts";
import { computedBy } from "./operators.ts";
import { isElsewhere } from "./part.ts";
import { isPosition } from "./position.ts";
import { preActivations } from "./pre-activations.ts";
import type { Reach } from "./reach.ts";
import { type Reason, whyNot } from "./reasons.ts";
import type { Kind, OptionalKind, Setting, Sum, Term } from "./residual.ts";
import { sameShape } from "./same-shape.ts";
import { isMerge } from "./scales.ts";
import { type Link, skipChain } from "./skip-chain.ts";
import { takesOut } from "./taken-out.ts";

/** Which term of a sum is the skip, or why none is. */
export type Slots = Chosen | { readonly reason: Reason; readonly optional?: Chosen };

interface Chosen {
  readonly skip: Term;
  readonly branches: readonly Term[];
  readonly kind: Kind;
  /** Whether the branches come from what the skip is projected from, and not from the skip itself. */
  readonly projected?: boolean;
}

/**
 * Decides the slots of a sum by ancestry: the skip is the term from which all others are reached,
 * each past learned weights; or, where all come from one value, the term without a nonlinearity.
 */
export function slots(setting: Setting, reach: Reach, sum: Sum): Slots {
  const reason = unfit(setting, reach, sum);
  if (reason?.code === "constantSkip") {
    const [skip] = sum.terms.filter((term) => setting.constants.has(term.value));
    const branches = sum.terms.filter((term) => term !== skip);
    return { reason, optional: { skip, branches, kind: "constant" } };
  }
  if (reason) return { reason };
  const terms = sum.terms.filter((term) => !setting.constants.has(term.value));
  const chosen = chooseAmong(setting, reach, sum, terms);
  if ("reason" in chosen) return chosen;
  if (isPosition(setting, sum)) return { reason: whyNot.position() };
  if (chosen.kind === "projected" && opensGate(setting, sum.output))
    return { reason: whyNot.opensGate() };
  return chosen;
}

/** The slots of a sum's terms, or if these have none, of what its inner sums add. */
function chooseAmong(setting: Setting, reach: Reach, sum: Sum, terms: readonly Term[]): Slots {
  const direct = choose(setting, reach, sum.node, terms);
  const projected = "skip" in direct && direct.kind === "projected";
  if ("skip" in direct && !projected) return direct;
  const flat = flatten(setting, terms);
  if (!flat || flat.length === terms.length) return direct;
  const nested = choose(setting, reach, sum.node, flat);
  const found = "skip" in nested && !(projected && nested.kind === "projected");
  if (!found || !independent(reach, sum.node, nested.branches)) return direct;
  if (!isComplete(setting, reach, sum, nested)) return nested;
  return "skip" in direct ? direct : joined(setting, terms, nested.skip);
}

/** Whether a skip, projected, and its branch make up an inner sum: what is added to that comes from elsewhere. */
function isComplete(
  setting: Setting,
  reach: Reach,
  sum: Sum,
  { skip, projected }: Chosen,
): boolean {
  const inner = skip.use.node;
  if (!projected || inner === sum.node) return false;
  const terms = inner.inputs.flatMap((value, index) =>
    value ? [{ value, use: { node: inner, index } }] : [],
  );
  const own = choose(setting, reach, inner, terms);
  return "skip" in own && own.skip.value === skip.value && !own.projected;
}

/** A sum of a residual connection, which is one of the terms, and something else. */
function joined(setting: Setting, terms: readonly Term[], { use }: Term): Slots {
  const holds = (term: Term) =>
    flatten(setting, [term])?.some((part) => part.use.node === use.node) ?? false;
  const skip = terms.find(holds) ?? terms[0];
  const branches = terms.filter((term) => term !== skip);
  return { reason: whyNot.joined(skip.value), optional: { skip, branches, kind: "merge" } };
}

/** What rules a sum out before its operands' origin is asked. */
function unfit(
  { types, constants, blocked }: Setting,
  reach: Reach,
  { node, output, terms, bias, closed }: Sum,
): Reason | null {
  const type = types.get(output);
  if (closed && !terms.some((term) => constants.has(term.value))) return closed;
  if (type && !isFloat(type.dtype)) return whyNot.integers(type.dtype);
  if (bias && !constants.has(bias.value)) return whyNot.computedBias(bias.value);
  const fixed = terms.filter((term) => constants.has(term.value));
  if (fixed.length === terms.length && fixed.length > 1) return whyNot.allConstant();
  if (fixed.length > 0 && terms.length - fixed.length < 2) {
    const [{ value: constant }] = fixed;
    const own = types.get(constant)?.shape;
    const whole = own && type?.shape && sameShape(own, type.shape);
    const reaches = terms.some((term) => reach.ways(constant, term.value, node)?.mixed);
    return whole && reaches ? whyNot.constantSkip() : whyNot.bias(constant);
  }
  if (terms.some((term) => blocked.has(term.value))) return whyNot.blocked();
  if (new Set(terms.map((term) => term.value)).size < terms.length) return whyNot.doubled();
  if (terms.length > MOST_TERMS) return whyNot.many(terms.length);
  for (const { value } of terms) {
    if (constants.has(value)) continue;
    const shape = types.get(value)?.shape;
    if (!shape || !type?.shape) return whyNot.unknownShape(shape ? output : value);
    if (!sameShape(shape, type.shape))
      return whyNot.broadcast(terms.map((term) => showShape(types.get(term.value)?.shape)));
  }
  return null;
}

function choose(setting: Setting, reach: Reach, node: Node, terms: readonly Term[]): Slots {
  const refused: Exclude<Slots, Chosen>[] = [];
  for (const skip of terms) {
    const others = terms.filter((term) => term !== skip);
    const tried = trySkip(setting, reach, node, skip, others);
    if (tried === null) continue;
    if ("reason" in tried) {
      const optional = tried.kind && { skip, branches: others, kind: tried.kind };
      const slots = { reason: tried.reason, ...(optional ? { optional } : {}) };
      if (tried.weak) refused.push(slots);
      else refused.unshift(slots);
    } else {
      const parts = flatten(setting, others);
      const parallel =
        parts !== null &&
        parts.length > 1 &&
        independent(reach, node, parts) &&
        !isOneMap(setting, skip.value, parts);
      const projected = tried.kind === "projected";
      return { skip, branches: others, kind: parallel ? "parallel" : tried.kind, projected };
    }
  }
  if (refused.length > 0) return refused[0];
  const small = ({ value }: Term) => [...skipChain(setting, value)].some((link) => link.upsampled);
  const branches = terms.filter(small);
  const [skip, ...more] = terms.filter((term) => !small(term));
  if (branches.length === 0 || !skip) return { reason: whyNot.unrelated() };
  return {
    reason: whyNot.merge(),
    optional: { skip, branches: [...more, ...branches], kind: "merge" },
  };
}

/** Whether a map has fewer positions than another: then all ways to that one enlarge it, by a Reshape if not by an operator for it. */
function isSmaller({ types }: Setting, value: Value, than: Value): boolean {
  const [own, other] = [value, than].map((v) => types.get(v)?.shape?.slice(2) ?? []);
  return (
    own.length === other.length &&
    [...own, ...other].every((dim) => typeof dim === "number") &&
    own.some((dim, k) => dim < other[k])
  );
}

/** Whether a skip is laid together of pieces from each of which the branches are computed. */
function isPieced(
  setting: Setting,
  reach: Reach,
  node: Node,
  { producer }: Value,
  branches: readonly Term[],
): boolean {
  const pieces = producer?.op === "Concat" ? computedBy(setting.constants, producer) : [];
  return (
    pieces.length > 1 &&
    pieces.every((piece) =>
      [...skipChain(setting, piece)].some(
        ({ kind, value }) =>
          kind === "identity" && branches.every((b) => reach.ways(value, b.value, node)?.mixed),
      ),
    )
  );
}

/** The values a skip comes from, nearest first, and beside each its other pre-activations. */
function* origins(setting: Setting, skip: Value): Generator<Link> {
  for (const link of skipChain(setting, skip)) {
    yield link;
    yield* preActivations(setting, link);
  }
}

/** Whether this term is the skip; null where the others do not come from it at all. */
function trySkip(
  setting: Setting,
  reach: Reach,
  node: Node,
  skip: Term,
  others: readonly Term[],
): { kind: Kind } | { reason: Reason; kind?: OptionalKind; weak?: boolean } | null {
  for (const link of origins(setting, skip.value)) {
    if (!isFloat(setting.types.get(link.value)?.dtype)) continue;
    const ways = others.map((term) => reach.ways(link.value, term.value, node));
    if (ways.includes(null) && isPieced(setting, reach, node, link.value, others))
      return { kind: link.kind };
    if (ways.includes(null)) continue;
    const all = ways.map((way) => way!);
    const { part } = link;
    const elsewhere =
      part !== null && others.some((term) => isElsewhere(setting, term.value, link.value, part));
    if (elsewhere && part.single) continue;
    const projected = link.kind === "projected";
    if (!all.every((way) => way.mixed || (way.pooled && !projected)))
      return { reason: whyNot.unlearned(link.value), weak: true };
    if (others.some((term) => isGated(setting, term.value, link.value)))
      return { reason: whyNot.gated(link.value), kind: "se" };
    if (others.some((term) => takesOut(setting, term.value, link.value)))
      return { reason: whyNot.takenOut(link.value) };
    const shuffled = link.upsampled && isSmaller(setting, link.value, skip.value);
    if (!shuffled && isMerge(setting, reach, node, link, others, all))
      return { reason: whyNot.merge(), kind: "merge" };
    if (!projected && !elsewhere) return { kind: link.kind };
    const pooledOnly = link.peaked && !link.mixed;
    if (
      projected &&
      !pooledOnly &&
      (!all.every((way) => way.bent) || others.some((term) => isLinear(setting, term.value, link)))
    )
      return { reason: whyNot.linear(link.value) };
    const foreign = others
      .map((term) => foreignRoot(setting, reach, node, term.value, link))
      .find(Boolean);
    return foreign ? { reason: whyNot.foreign(link.value, foreign) } : { kind: link.kind };
  }
  return null;
}
