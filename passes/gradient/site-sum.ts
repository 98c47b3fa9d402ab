import type { Builder } from "../../src/graph/builder.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { attributesOf } from "../../src/graph/node-view.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { POSITIONS } from "./convolution-sums.ts";
import {
  bothWays,
  convolutionAttributes,
  type FrozenValues,
  innerNode,
} from "./fewer-normalizations.ts";

/** A value that nothing else reads: factor · value, or the value alone. */
interface Scaled {
  readonly value: Value;
  readonly factor: Value | null;
  /** The nodes that compute it. */
  readonly inner: readonly Node[];
}

/** f + β (x + Conv(u, w)), or the same without β. */
interface SiteSum {
  readonly f: Value;
  readonly x: Value;
  readonly map: Node;
  readonly factor: Value | null;
  readonly inner: readonly Node[];
}

/**
 * Writes Conv(u, β w) + (f + β x) for f + β (x + Conv(u, w)) of images that a Relu reads, where w is
 * trained: then neither the bracket is kept nor its gradient computed. In front of other operators
 * that takes as much memory as before. If f is α Conv(h, v) of frozen v and a narrower h, and
 * the images are large, both convolutions become one, of α h and u: f itself is never computed, and
 * onnxruntime adds β x and a Relu behind it within the Conv. Returns the nodes that are replaced.
 */
export function withoutBracket(known: FrozenValues, write: Builder, sum: Node): readonly Node[] {
  const site = siteSum(known, sum);
  if (!site) return [];
  const { f, x, map, factor, inner } = site;
  const { op, to, constant } = write;
  const { types } = known;
  const [output] = sum.outputs as Value[];
  const branch = isPointwise(known, map) ? narrowBranch(known, f) : null;
  const isRectified = output.uses.length > 0 && output.uses.every(({ node }) => node.op === "Relu");
  if (!branch && !isRectified) return [];
  write.about(output.name, sum);
  const times = (v: string, by: Value | null) => (by ? op.Mul(v, by.name) : v);
  const skip = times(x.name, factor);
  const [u, w] = map.inputs as Value[];
  // As a vector: onnxruntime takes 50 times as long for single positions and a number.
  const kernel = factor
    ? to.reshape(times(to.reshape(w.name, [-1]), factor), types.get(w)!.shape as number[])
    : w.name;
  const add = (a: string, b: string) => write.into(output.name, "Add", [a, b]);
  const channels = types.get(output)!.shape![1] as number;
  // onnxruntime adds a sum within a Conv, and a Relu behind it, only if the Conv has a bias.
  const zeros = () => constant("float", [channels], new Float32Array(channels));
  if (!branch) {
    const mapped = op.Conv(u.name, kernel, zeros(), convolutionAttributes(map));
    add(mapped, op.Add(f.name, skip));
    return [sum, ...inner];
  }
  const [h, v, own] = branch.value.producer!.inputs as Value[];
  const bias = own ? times(own.name, branch.factor) : zeros();
  const both = op.Concat([times(h.name, branch.factor), u.name], { axis: 1 });
  add(op.Conv(both, op.Concat([v.name, kernel], { axis: 1 }), bias), skip);
  return [sum, ...inner, ...branch.inner];
}

/** Returns a sum as f + β (x + Conv(u, w)); null for any other. */
function siteSum(known: FrozenValues, sum: Node): SiteSum | null {
  const { types, frozen } = known;
  const output = sum.outputs[0]!;
  const { dtype, shape } = types.get(output) ?? {};
  if (sum.op !== "Add" || dtype !== "float" || shape?.length !== 4) return null;
  const isWhole = (value: Value) => String(types.get(value)?.shape) === String(shape);
  const mapOf = (value: Value) => {
    const map = innerNode(value, "Conv");
    const [, w, bias] = map?.inputs ?? [];
    return map && !bias && !frozen.has(w!) ? map : null;
  };
  for (const [f, operand] of bothWays(sum)) {
    // If both operands are such convolutions, one of them is already added last.
    if (mapOf(f)) continue;
    const scaled = scaledValue(known, operand);
    const bracket = innerNode(scaled.value, "Add");
    for (const [x, y] of bracket ? bothWays(bracket) : []) {
      const map = mapOf(y);
      if (!map || ![f, x, y].every(isWhole)) continue;
      return { f, x, map, factor: scaled.factor, inner: [...scaled.inner, bracket!, map] };
    }
  }
  return null;
}

/**
 * Returns a value as α Conv(h, v) or Conv(h, v) with a single position, of frozen v and fewer channels
 * of large images; null for any other.
 */
function narrowBranch(known: FrozenValues, f: Value): Scaled | null {
  const { types, frozen } = known;
  const scaled = scaledValue(known, f);
  const convolution = innerNode(scaled.value, "Conv");
  if (!convolution || !isPointwise(known, convolution)) return null;
  const [h, ...weights] = convolution.inputs;
  const [, channels, ...size] = (types.get(h!)?.shape ?? []) as number[];
  const isNarrow = channels < (types.get(f)!.shape![1] as number);
  if (!isNarrow || !(elements(size) >= POSITIONS)) return null;
  if (!weights.every((weight) => !weight || frozen.has(weight))) return null;
  return { ...scaled, inner: [...scaled.inner, convolution] };
}

/** Whether a Conv has a single position, and reads all of the image. */
function isPointwise({ types }: FrozenValues, convolution: Node): boolean {
  const { ints, int } = attributesOf(convolution);
  const [, , ...kernel] = types.get(convolution.inputs[1]!)?.shape ?? [];
  const ones = [...kernel, ...(ints("strides") ?? []), int("group", 1)];
  return ones.every((number) => number === 1) && !ints("pads")?.some((pad) => pad !== 0);
}

/** Returns a value as a product with a single number that is read once, or as it is. */
function scaledValue({ types }: FrozenValues, value: Value): Scaled {
  const node = innerNode(value, "Mul");
  const isSingle = (value: Value) => types.get(value)?.shape?.length === 0;
  const scaled = node && bothWays(node).find(([, factor]) => isSingle(factor));
  return scaled
    ? { value: scaled[0], factor: scaled[1], inner: [node] }
    : { value, factor: null, inner: [] };
}
