import { entry } from "../../src/entry.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { hasFact, inFloats } from "../../src/graph/operators.ts";
import { maskingOf } from "./mask.ts";
import { computedBy } from "./operators.ts";
import { partOf } from "./part.ts";
import type { Chain, Link, Part, Setting } from "./residual.ts";
import { normedOf } from "./written-out.ts";

/** Maximum number of operators in a short skip. */
const SHORT = 32;

/**
 * Returns the origins of a skip operand, nearest first: itself, then back through layout operators,
 * constant factors, masks, norms and linear operators. Stops at the first operator of another kind.
 */
export const skipChain = (setting: Setting, operand: Value): Generator<Link> =>
  chainFrom(setting, SHORT, chainOf(setting, operand));

/** Returns the first link of a skip chain that passes a test; undefined if none does. */
export function findLink(
  setting: Setting,
  operand: Value,
  test: (link: Link) => boolean,
): Link | undefined {
  const known = chainOf(setting, operand);
  for (let hop = 0; ; hop++) {
    const link = linkAt(setting, SHORT, known, hop);
    if (!link) return undefined;
    if (test(link)) return link;
  }
}

/** Returns the chain of an operand, as far as it is known. */
const chainOf = ({ chains }: Setting, operand: Value): Chain =>
  entry(chains, operand, () => [linkTo(operand)]);

function* chainFrom(setting: Setting, length: number, known: Chain): Generator<Link> {
  for (let hop = 0; ; hop++) {
    const link = linkAt(setting, length, known, hop);
    if (!link) return;
    yield link;
  }
}

/** Returns a link of a chain whose links before it are known; null behind the last one. */
function linkAt(setting: Setting, length: number, known: Chain, hop: number): Link | null {
  if (hop === length) return null;
  if (hop === known.length) known.push(linkBehind(setting, known[hop - 1]!, length - hop + 1));
  return known[hop];
}

/** Returns the link to what the value of a link comes from by one step; null at the end. */
function linkBehind(setting: Setting, link: Link, length: number): Link | null {
  const before = setting.originals.get(link.value);
  if (before) return { ...link, value: before };
  const node = link.value.producer;
  const next = node && linkBefore(setting, node, link.value, length);
  if (!next) return null;
  const part = link.part?.single ? link.part : (next.part ?? link.part);
  return joined(next.value, link, next, part);
}

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
const joined = (value: Value, a: Path, b: Path, part: Part | null): Link => ({
  value,
  kind: a.kind === "identity" || b.kind === "projected" ? b.kind : a.kind,
  part,
  upsampled: a.upsampled || b.upsampled,
  repeated: a.repeated || b.repeated,
  mixed: a.mixed || b.mixed,
  peaked: a.peaked || b.peaked,
});

/** Returns the link before a node, or before the mask or decomposed norm that ends with it. */
function linkBefore(setting: Setting, node: Node, value: Value, length: number): Link | null {
  const { layout, scale, projection, upsampling, mixer, repeating, spreading } =
    setting.traits(node);
  const next = layout || scale || projection ? origin(setting, node, layout, length) : null;
  if (next) {
    const passed: Path = {
      kind: projection ? "projected" : layout ? "identity" : "scaled",
      upsampled: upsampling,
      repeated: repeating || spreading,
      mixed: mixer,
      peaked: hasFact(node.op, "peaks"),
    };
    return joined(next.value, next, passed, layout ? partOf(setting, value) : null);
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

/** Returns the nearest value from which all of these come by skip chains. */
function commonOrigin(setting: Setting, values: readonly Value[], length: number): Link | null {
  const [first, ...rest] = [...new Set(values)].map((value) => {
    const chain = chainFrom(setting, length >> 1, [linkTo(value)]);
    return new Map([...chain].map((link) => [link.value, link]));
  });
  for (const link of first.values()) {
    const links = [link, ...rest.map((chain) => chain.get(link.value))];
    if (links.includes(undefined)) continue;
    return links.reduce((a, b) => joined(link.value, a!, b!, null))!;
  }
  return null;
}
