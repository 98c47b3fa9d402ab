import type { Ops } from "../../src/graph/ops.ts";
import { activated } from "./activations.ts";
import type { Composite, Rule } from "./composite.ts";

/** α A' B', the operands transposed as the attributes say. */
export const FusedMatMul: Rule = (op, call) => {
  const product = op.MatMul(operand(op, call, 0, "A"), operand(op, call, 1, "B"));
  const alpha = call.float("alpha", 1);
  return [alpha === 1 ? product : op.Mul(product, call.scalar(alpha))];
};

/** `transBatch` moves the first axis behind the batch's, `trans` swaps the last two. */
function operand<V>(
  op: Ops<V>,
  { input, int, shape }: Composite<V>,
  index: number,
  name: string,
): V {
  const [last, batch] = [int(`trans${name}`, 0) !== 0, int(`transBatch${name}`, 0) !== 0];
  const rank = shape(index).length;
  if ((!last && !batch) || rank < 2) return input(index);
  const perm = Array.from({ length: rank }, (_, k) => k);
  if (batch) perm.splice(rank - 2, 0, perm.shift()!);
  if (last) perm.push(...perm.splice(rank - 2).reverse());
  return op.Transpose(input(index), { perm });
}

/** act(α A' B' + β C). */
export const FusedGemm: Rule = (op, call) => {
  const { input, inputs, kept, float, text } = call;
  const attributes = kept("alpha", "beta", "transA", "transB");
  const product = op.Gemm(input(0), input(1), inputs[2] ?? null, attributes);
  const parameters = ["alpha", "beta", "gamma"].map((name) => {
    const value = float(`activation_${name}`, Number.NaN);
    return Number.isNaN(value) ? undefined : value;
  });
  return [activated(op, call, text("activation", ""), parameters, product)];
};
