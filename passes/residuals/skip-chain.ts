import type { Node, Value } from "../../src/graph/graph.ts";
import { maskedBy } from "./mask.ts";
import { computedBy, traits } from "./operators.ts";
import { type Part, partOf } from "./part.ts";
import type { Setting } from "./residual.ts";
import { normedOf } from "./written-out.ts";

/** A value a skip operand comes from, and by what way. */
export interface Link {
  readonly value: Value;
  readonly kind: "identity" | "scaled" | "projected";
  readonly upsampled: boolean;
  /** Which part of the value the operand is, where it is less than the whole. */
  readonly part: Part | null;
}

/** Operators up to which a skip counts as short. */
const SHORT = 32;

/**
 * The values a skip operand comes from, nearest first: itself, then back through layout
 * operators, constant factors and linear ones. Ends at the first operator that is none of these.
 */
export function* skipChain(setting: Setting, operand: Value, length = SHORT): Generator<Link> {
  let link: Link = { value: operand, kind: "identity", upsampled: false, part: null };
  for (let hop = 0; hop < length; hop++) {
    yield link;
    const before = setting.augmented.get(link.value);
    if (before) {
      link = { ...link, value: before };
      continue;
    }
    const node: Node | null = link.value.producer;
    if (!node) return;
    const next = linkBefore(setting, node, link.value, length - hop);
    if (!next) return;
    link = {
      value: next.value,
      kind: worse(link.kind, next.kind),
      upsampled: link.upsampled || next.upsampled,
      part: link.part?.single ? link.part : (next.part ?? link.part),
    };
  }
}

/** The link before a node: through the node itself, or the mask or written-out norm that ends with it. */
function linkBefore(setting: Setting, node: Node, value: Value, length: number): Link | null {
  const { layout, scale, projection, upsampling } = traits(setting, node);
  const next = layout || scale || projection ? origin(setting, node, layout, length) : null;
  if (next) {
    const kind = projection ? "projected" : layout ? "identity" : "scaled";
    return {
      ...next,
      kind: worse(next.kind, kind),
      upsampled: next.upsampled || upsampling,
      part: layout ? partOf(setting, value) : null,
    };
  }
  const masked = maskedBy(setting, node);
  if (masked) return { value: masked, kind: "scaled", upsampled: false, part: null };
  const normed = normedOf(setting, value);
  return normed && { value: normed, kind: "projected", upsampled: false, part: null };
}

/** The one value that a node of a chain goes on from: a layout operator's data, or all it computes with. */
function origin(setting: Setting, node: Node, layout: boolean, length: number): Link | null {
  const computed = computedBy(setting.constants, node);
  if (node.op === "Concat" && computed.length > 1) return commonOrigin(setting, computed, length);
  const [only] = computed;
  const found = layout && node.op !== "Concat" ? only === node.inputs[0] : computed.length === 1;
  return only && found ? { value: only, kind: "identity", upsampled: false, part: null } : null;
}

const ORDER = ["identity", "scaled", "projected"] as const;

const worse = (a: Link["kind"], b: Link["kind"]) =>
  ORDER[Math.max(ORDER.indexOf(a), ORDER.indexOf(b))];

/** The nearest value from which all of these come by skip chains of their own. */
function commonOrigin(setting: Setting, values: readonly Value[], length: number): Link | null {
  const [first, ...rest] = [...new Set(values)].map(
    (value) => new Map([...skipChain(setting, value, length >> 1)].map((l) => [l.value, l])),
  );
  for (const link of first.values()) {
    const links = [link, ...rest.map((chain) => chain.get(link.value))];
    if (links.includes(undefined)) continue;
    return links.reduce((a, b) => ({
      value: link.value,
      kind: worse(a!.kind, b!.kind),
      upsampled: a!.upsampled || b!.upsampled,
      part: null,
    }))!;
  }
  return null;
}
