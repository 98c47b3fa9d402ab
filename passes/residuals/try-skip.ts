import type { Node, Value } from "../../src/graph/graph.ts";
import { type Fact, hasFact, operandsThat } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import { isFloat, showShape } from "../../src/onnx/dtypes.ts";
import { isSpread } from "./axes.ts";
import { foreignRoot, isGated, isLinear, isPart, isSelected, takesOut } from "./branch-of-x.ts";
import { computedBy, computedSources } from "./operators.ts";
import { isElsewhere } from "./part.ts";
import type { Paths } from "./paths.ts";
import type { Trial } from "./reach.ts";
import { type Reason, reasons } from "./reasons.ts";
import type { Kind, Link, OptionalKind, Setting } from "./residual.ts";
import { isMerge } from "./scales.ts";
import { findLink, skipChain } from "./skip-chain.ts";
import { takenOf } from "./written-out.ts";

/** Whether a map has fewer positions than another, so that all paths to that one enlarge it. */
function isSmaller({ types }: Setting, value: Value, than: Value): boolean {
  const [own, other] = [value, than].map((v) => types.get(v)?.shape?.slice(2) ?? []);
  return (
    own.length === other.length &&
    [...own, ...other].every((dim) => typeof dim === "number") &&
    own.some((dim, k) => dim < other[k])
  );
}

/** Whether a skip is concatenated from pieces, from each of which the branches are computed. */
function isPieced({ setting, node, others }: Trial, { producer }: Value): boolean {
  const pieces = producer?.op === "Concat" ? computedBy(setting.constants, producer) : [];
  const leads = ({ kind, value }: Link) =>
    kind === "identity" &&
    others.every((term) => setting.reach.paths(value, term.value, node)?.mixed === true);
  return pieces.length > 1 && pieces.every((piece) => findLink(setting, piece, leads));
}

/** The values a skip comes from, nearest first, and beside each its other pre-activations. */
function* origins(setting: Setting, skip: Value): Generator<Link> {
  for (const link of skipChain(setting, skip)) {
    yield link;
    if (link.kind === "projected") yield* preActivations(setting, link);
  }
}

/** Whether a value holds floats as integers, from which an operator makes floats or other such. */
const isQuantized = ({ uses }: Value) =>
  uses.some(
    ({ node: { op }, index }) =>
      operandsThat(op, "zero") || (index === 0 && hasFact(op, "quantizer")),
  );

type Verdict = { kind: Kind } | { reason: Reason; kind?: OptionalKind; weak?: boolean };

/** Returns the kind of a term as a skip, or why it is not one; null if the others do not come from it. */
export function trySkip(trial: Trial): Verdict | null {
  const { setting, node, skip, others } = trial;
  let refused: { readonly link: Link; readonly verdict: Verdict } | null = null;
  for (const link of origins(setting, skip.value)) {
    if (refused && !isMoved(refused.link, link)) break;
    if (!isFloat(setting.types.get(link.value)?.dtype) && !isQuantized(link.value)) continue;
    const paths = others
      .map((term) => setting.reach.paths(link.value, term.value, node))
      .filter((path) => path !== null);
    if (paths.length < others.length) {
      if (isPieced(trial, link.value)) return { kind: link.kind };
      continue;
    }
    const { value, part } = link;
    const elsewhere =
      part !== null && others.some((term) => isElsewhere(setting, term.value, value, part));
    if (elsewhere && part.single) continue;
    const verdict = verdictOn(trial, link, paths, elsewhere);
    if (!("weak" in verdict)) return verdict;
    refused ??= { link, verdict };
  }
  return refused?.verdict ?? null;
}

/** Whether a link leads to what another link leads to, at other positions: weights may read it there. */
const isMoved = (near: Link, { kind, part, repeated, upsampled }: Link): boolean =>
  kind !== "projected" &&
  kind === near.kind &&
  part === near.part &&
  repeated === near.repeated &&
  upsampled === near.upsampled;

/** Returns the verdict on a skip from whose origin all other terms come. */
function verdictOn(trial: Trial, link: Link, paths: readonly Paths[], elsewhere: boolean): Verdict {
  const { setting, skip, others } = trial;
  const projected = link.kind === "projected";
  const plain = paths.findIndex((path) => !path.mixed && !(path.pooled && !projected));
  if (plain >= 0) return { reason: reasons.unlearned(link.value, others[plain].value), weak: true };
  if (paths.some(({ injected }) => injected) && isInjected(trial, link.value))
    return { reason: reasons.injected(link.value) };
  if (others.some((term) => isGated(setting, term.value, link.value)))
    return { reason: reasons.gated(link.value), kind: "se" };
  if (others.some((term) => isSelected(setting, term.value, skip.value)))
    return { reason: reasons.selected(link.value) };
  if (isPart(trial, link) || others.some((f) => takesOut(setting, f, link.value, skip.factor)))
    return { reason: reasons.takenOut(link.value) };
  const shuffled = link.upsampled && isSmaller(setting, link.value, skip.value);
  if (!shuffled && isMerge(trial, link, paths)) return { reason: reasons.merge(), kind: "merge" };
  if (!projected && !elsewhere) return { kind: link.kind };
  const pooledOnly = link.peaked && !link.mixed;
  const linear = others.some((term) => isLinear(setting, term.value, link));
  if (projected && !pooledOnly && (linear || !paths.every((path) => path.nonlinear)))
    return { reason: reasons.linear(link.value) };
  const foreign = others.map((term) => foreignRoot(trial, term.value, link)).find(Boolean);
  if (foreign) return { reason: reasons.foreign(link.value, foreign) };
  const shapes = [skip, ...others].map(({ value }) => setting.types.get(value)!.shape!);
  return shapes.some((one) => shapes.some((other) => isSpread(one, other)))
    ? { reason: reasons.broadcast(shapes.map(showShape)) }
    : { kind: link.kind };
}

/** Whether several Adds before a sum add x to what does not come from it: they add an encoding. */
function isInjected({ setting: { constants, reach }, node }: Trial, x: Value): boolean {
  const earlier = x.uses.filter(
    ({ node: { op, scope, index } }) => op === "Add" && scope === node.scope && index < node.index,
  );
  const beside = earlier.map((use) => use.node.inputs[1 - use.index]!);
  const foreign = (term: Value) => !constants.has(term) && !reach.paths(x, term, node);
  return beside.filter(foreign).length > 1;
}

/** Facts about the operators of a pre-activation. */
const STEPS: readonly Fact[] = ["step", "norm", "activation"];

/** Maximum number of operators in a pre-activation. */
const SHORT = 24;

/** Maximum number of values that a search visits. */
const LOOKS = 200;

/**
 * Returns links to the other pre-activations of the value behind a projected skip: the same norm
 * and activation with other weights. There the branch starts in DPN, and in ResNets whose
 * projection has its own norm.
 */
function preActivations(setting: Setting, link: Link): Link[] {
  const { value } = link;
  if (!link.mixed || !value.producer) return [];
  const x = takenOf(setting, value, undefined, STEPS);
  const steps = x && stepsTo(setting, value, x);
  if (!x || !steps) return [];
  const next = ({ uses }: Value) =>
    uses.flatMap(({ node }) => (hasFact(node.op, ...STEPS) ? (node.outputs[0] ?? []) : []));
  return [...walk([x], next, LOOKS)]
    .filter((other) => ![x, value].includes(other) && stepsTo(setting, other, x) === steps)
    .map((other) => ({ ...link, value: other }));
}

/** Returns the sorted operators between a value and x; null if a path back ends elsewhere. */
function stepsTo(setting: Setting, value: Value, x: Value): string | null {
  const nodes = new Set<Node>();
  const back = (made: Value) => (made === x ? [] : computedSources(setting, made));
  for (const at of walk([value], back)) {
    if (at === x) continue;
    if (!at.producer || !hasFact(at.producer.op, ...STEPS) || nodes.size > SHORT) return null;
    nodes.add(at.producer);
  }
  const ops = [...nodes].map(({ op }) => op).sort();
  return ops.length === 0 ? null : ops.join();
}
