import type { Node, Value } from "../../src/graph/graph.ts";
import { maskingOf } from "./mask.ts";
import { computedBy, inFloats } from "./operators.ts";
import { type Part, partOf } from "./part.ts";
import type { Setting } from "./residual.ts";
import { normedOf } from "./written-out.ts";

/** An origin of a skip operand, and the path from it. */
export interface Link {
  readonly value: Value;
  readonly kind: "identity" | "scaled" | "projected";
  readonly upsampled: boolean;
  /** The operand repeats positions of the value, or spreads a single one. */
  readonly repeated: boolean;
  /** The path passes learned weights that mix features. */
  readonly mixed: boolean;
  /** The path passes a maximum over windows, which is nonlinear. */
  readonly peaked: boolean;
  /** The slice of the value that the operand is, if it is smaller. */
  readonly part: Part | null;
}

/** Maximum number of operators in a short skip. */
const SHORT = 32;

/**
 * Returns the origins of a skip operand, nearest first: itself, then back through layout operators,
 * constant factors and linear ones. Stops at the first operator of another kind.
 */
export function* skipChain(setting: Setting, operand: Value, length = SHORT): Generator<Link> {
  let link = linkTo(operand);
  for (let hop = 0; hop < length; hop++) {
    yield link;
    const before = setting.originals.get(link.value);
    if (before) {
      link = { ...link, value: before };
      continue;
    }
    const node: Node | null = link.value.producer;
    if (!node) return;
    const next = linkBefore(setting, node, link.value, length - hop);
    if (!next) return;
    const part = link.part?.single ? link.part : (next.part ?? link.part);
    link = joined(next.value, [link, next], part);
  }
}

/** Returns a link to the operand itself. */
const linkTo = (value: Value, kind: Link["kind"] = "identity"): Link => ({
  value,
  kind,
  part: null,
  upsampled: false,
  repeated: false,
  mixed: false,
  peaked: false,
});

type Path = Omit<Link, "value" | "part">;

/** Returns the link over two paths, in sequence or in parallel. */
const joined = (value: Value, [a, b]: readonly [Path, Path], part: Part | null): Link => ({
  value,
  kind: worse(a.kind, b.kind),
  upsampled: a.upsampled || b.upsampled,
  repeated: a.repeated || b.repeated,
  mixed: a.mixed || b.mixed,
  peaked: a.peaked || b.peaked,
  part,
});

/** Returns the link before a node, or before the mask or decomposed norm that ends with it. */
function linkBefore(setting: Setting, node: Node, value: Value, length: number): Link | null {
  const { layout, scale, projection, upsampling, mixer, ...own } = setting.traits(node);
  const next = layout || scale || projection ? origin(setting, node, layout, length) : null;
  if (next) {
    const kind: Link["kind"] = projection ? "projected" : layout ? "identity" : "scaled";
    const peaked = /(^|\.)MaxPool$/.test(node.op);
    const repeated = own.repeating || own.spreading;
    const passed = { kind, upsampled: upsampling, repeated, mixed: mixer, peaked };
    return joined(next.value, [next, passed], layout ? partOf(setting, value) : null);
  }
  const masking = maskingOf(setting, node);
  if (masking) return linkTo(masking.x, "scaled");
  const normed = normedOf(setting, value);
  return normed && linkTo(normed, "projected");
}

/** Returns what a node of a chain continues from: its data or its only computed input. */
function origin(setting: Setting, node: Node, layout: boolean, length: number): Link | null {
  const computed = computedBy(setting.constants, node);
  const concat = inFloats(node.op) === "Concat";
  if (concat && computed.length > 1) return commonOrigin(setting, computed, length);
  const [only] = computed;
  const continues = layout && !concat ? only === node.inputs[0] : computed.length === 1;
  return only && continues ? linkTo(only) : null;
}

const worse = (a: Link["kind"], b: Link["kind"]) => (a === "identity" || b === "projected" ? b : a);

/** Returns the nearest value from which all of these come by skip chains. */
function commonOrigin(setting: Setting, values: readonly Value[], length: number): Link | null {
  const [first, ...rest] = [...new Set(values)].map(
    (value) => new Map([...skipChain(setting, value, length >> 1)].map((l) => [l.value, l])),
  );
  for (const link of first.values()) {
    const links = [link, ...rest.map((chain) => chain.get(link.value))];
    if (links.includes(undefined)) continue;
    return links.reduce((a, b) => joined(link.value, [a!, b!], null))!;
  }
  return null;
}
