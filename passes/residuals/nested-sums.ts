import type { Node, Value } from "../../src/graph/graph.ts";
import { descend } from "../../src/graph/walk.ts";
import { sameShape } from "./axes.ts";
import type { Trial } from "./reach.ts";
import { type KnownValues, type Setting, type Term, termsAt, weighted } from "./residual.ts";
import { skipChain } from "./skip-chain.ts";

/** Number of terms above which a sum is an aggregation, not a residual connection. */
export const MOST_TERMS = 16;

/** Flattens inner sums that nothing else reads into terms; null if there are too many. */
export function flatten(setting: KnownValues, terms: readonly Term[]): readonly Term[] | null {
  const flat: Term[] = [];
  let count = terms.length;
  const inside = (term: Term): readonly Term[] => {
    const inner = innerTerms(setting, term);
    if (inner) count += inner.length - 1;
    else flat.push(term);
    return inner ?? [];
  };
  for (const _ of descend(terms, inside)) if (count > MOST_TERMS) return null;
  return flat;
}

/** Returns the terms of the inner sum that makes this one, if it may be flattened. */
function innerTerms({ constants, types }: KnownValues, term: Term): Term[] | null {
  const { value, use, factor } = term;
  const node = value.producer;
  if ((node?.op !== "Add" && node?.op !== "Sum") || value.uses.length !== 1 || value.isOutput)
    return null;
  if (node.scope !== use.node.scope) return null;
  const shape = types.get(value)?.shape;
  const opens = node.inputs.every((input) => {
    const own = input && types.get(input)?.shape;
    return own && shape && !constants.has(input) && sameShape(own, shape);
  });
  return opens ? termsAt(node).map((inner) => weighted(inner, factor)) : null;
}

/** Whether no branch is computed from another. */
export const independent = ({ reach }: Setting, node: Node, branches: readonly Term[]) =>
  branches.every((a) => branches.every((b) => a === b || !reach.paths(a.value, b.value, node)));

/** Whether the terms beside a skip are several branches, which may stand in an inner sum. */
export function isParallel({ setting, node, skip, others }: Trial): boolean {
  const parts = flatten(setting, others) ?? [];
  const isSeveral = parts.length > 1 && independent(setting, node, parts);
  return isSeveral && !isOneMap(setting, skip.value, parts);
}

/** Whether all terms are linear in one value that the skip does not come from, such as a product and its LoRA. */
function isOneMap(setting: Setting, skip: Value, parts: readonly Term[]): boolean {
  const origins = (value: Value) => new Set([...skipChain(setting, value)].map((l) => l.value));
  const own = origins(skip);
  const [first, ...rest] = parts.map(({ value }) => origins(value));
  return [...first].some((value) => !own.has(value) && rest.every((each) => each.has(value)));
}
