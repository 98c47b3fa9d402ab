import { entry } from "../../src/entry.ts";
import type { Node, Use, Value } from "../../src/graph/graph.ts";
import { type Factor, isOne } from "./factor.ts";
import type { Why } from "./reasons.ts";
import type { FoldSite } from "./sites.ts";

/** A change of numbers that the fold makes; all of them multiply, so their order does not matter. */
export type FoldEdit =
  /** A constant operand is multiplied. */
  | { readonly kind: "weight"; readonly use: Use; readonly by: Factor }
  | {
      readonly kind: "attribute";
      readonly node: Node;
      readonly name: string;
      readonly by: number;
      readonly otherwise: number;
    }
  /** A Mul stands before a slot that does not belong to a site. */
  | { readonly kind: "slot"; readonly use: Use; readonly by: Factor }
  /** An output of the model is computed from the rescaled value that is held in its place. */
  | { readonly kind: "output"; readonly value: Value; readonly by: Factor };

/** Returns the edits of a kind. */
export const editsOf = <Kind extends FoldEdit["kind"]>(edits: readonly FoldEdit[], kind: Kind) =>
  edits.filter((edit): edit is Extract<FoldEdit, { kind: Kind }> => edit.kind === kind);

/** What is left at a slot of a sum: its operand times a factor. */
export interface Left {
  readonly use: Use;
  readonly by: Factor;
  readonly why: Why | null;
}

/** What folding does to a model, before anything is written. */
export interface FoldPlan {
  readonly edits: readonly FoldEdit[];
  /** What sites' slots are multiplied by, by their use's key. */
  readonly left: ReadonlyMap<string, Left>;
  /** The factor of each value: it is held divided by it. */
  readonly factors: ReadonlyMap<Value, Factor>;
  /** The factor that the operands of a sum have in common. */
  readonly sums: ReadonlyMap<Node, Factor>;
  /** Muls that are written. */
  readonly cost: number;
  /** What blocks the streams that sites begin, by the sites' names. */
  readonly blocked: ReadonlyMap<string, Why>;
}

const numbered = new WeakMap<Node, number>();
let count = 0;

/** Returns a slot as a key. */
export const keyOf = ({ node, index }: Use): string =>
  `${entry(numbered, node, () => count++)}:${index}`;

/** Counts the nodes that some edits and slots stand for: one for a value and a factor. */
export function costOf(
  edits: readonly FoldEdit[],
  left: Iterable<Left>,
  sites: readonly FoldSite[],
) {
  const muls = new Set<string>();
  const names = new Map(
    sites.flatMap((site) =>
      [site.skip, ...site.branches].map((edge) => [keyOf(edge.use), edge.value.name]),
    ),
  );
  for (const { use, by } of editsOf(edits, "slot"))
    muls.add(`${use.node.inputs[use.index]?.name} ${by.values}`);
  for (const { value } of editsOf(edits, "output")) muls.add(`output ${value.name}`);
  for (const { use, by } of left) if (!isOne(by)) muls.add(`${names.get(keyOf(use))} ${by.values}`);
  return muls.size;
}
