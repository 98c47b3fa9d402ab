import { attribute, type Node, type Types, type Value } from "../../src/graph/graph.ts";
import type { GradientNode } from "./rule.ts";

/**
 * Returns P V of a Softmax P over the last axis that nothing else reads, if it is narrower than P;
 * null for any other node.
 */
export function attended(types: Types, node: Node): Value | null {
  const [p] = node.outputs;
  if (node.op !== "Softmax" || node.scope.file.opset < 13 || !p || p.isOutput) return null;
  const [use] = p.uses;
  const mixed = use?.node.op === "MatMul" && use.index === 0 ? use.node.outputs[0] : null;
  if (p.uses.length !== 1 || !mixed) return null;
  const [from, to] = [p, mixed].map((value) => types.get(value)?.shape ?? []);
  const axis = attribute(node, "axis")?.i ?? -1;
  const isLast = Number(axis) === -1 || Number(axis) === from.length - 1;
  const isSameBatch =
    from.length === to.length && from.slice(0, -1).every((size, k) => size === to[k]);
  return isLast && isSameBatch && Number(to.at(-1)) < Number(from.at(-1)) ? mixed : null;
}

/**
 * P (G − Σ G P), with the sums over rows from P V and its cotangent, which are narrower: with
 * G = C Vᵀ, Σ G P = Σ C (P V).
 */
export function throughAttention(
  { op, write, g, y, shape }: GradientNode,
  mixed: string,
  c: string,
) {
  const axis = shape(0).length - 1;
  const sums = write.reduce("ReduceSum", op.Mul(c, mixed), [axis]);
  return op.Mul(y, op.Sub(g, sums));
}
