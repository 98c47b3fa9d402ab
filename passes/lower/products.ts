import { range } from "../../src/onnx/dtypes.ts";
import { activated } from "./activations.ts";
import type { Composite, LoweringRule } from "./composite.ts";

/** α A' B', the operands transposed according to the attributes. */
export const FusedMatMul: LoweringRule = (call) => {
  const product = call.op.MatMul(operand(call, 0, "A"), operand(call, 1, "B"));
  const alpha = call.float("alpha", 1);
  return [alpha === 1 ? product : call.op.Mul(product, call.scalar(alpha))];
};

function operand({ op, input, int, shape }: Composite, index: number, name: string): string {
  const perm = permOf(int, name, shape(index).length);
  return perm.every((axis, k) => axis === k) ? input(index) : op.Transpose(input(index), { perm });
}

/**
 * Returns how a FusedMatMul transposes its operand "A" or "B": `transBatch` moves the first axis
 * after the batch axes, `trans` swaps the last two.
 */
export function permOf(
  int: (name: string, fallback: number) => number,
  name: string,
  rank: number,
): number[] {
  const perm = range(rank);
  if (rank < 2) return perm;
  if (int(`transBatch${name}`, 0) !== 0) perm.splice(rank - 2, 0, perm.shift()!);
  if (int(`trans${name}`, 0) !== 0) perm.push(...perm.splice(rank - 2).reverse());
  return perm;
}

/** act(α A' B' + β C). */
export const FusedGemm: LoweringRule = (call) => {
  const { float, text } = call;
  const parameters = ["alpha", "beta", "gamma"].map((name) => {
    const value = float(`activation_${name}`, Number.NaN);
    return Number.isNaN(value) ? undefined : value;
  });
  return [activated(call, text("activation", ""), parameters, gemm(call))];
};

/** α A' B' + β C, with a separate sum if C is computed. */
export const Gemm: LoweringRule = (call) => [gemm(call)];

function gemm(call: Composite): string {
  const { op, input, inputs, kept, float, int, opset, scalar, computed } = call;
  const c = inputs[2] ?? null;
  if (c === null || !computed(2)) return op.Gemm(input(0), input(1), c, kept(...GEMM));
  const [alpha, beta] = [float("alpha", 1), float("beta", 1)];
  const turned = (index: number, name: string) =>
    int(name, 0) === 0 ? input(index) : op.Transpose(input(index), { perm: [1, 0] });
  const product = () => op.MatMul(turned(0, "transA"), turned(1, "transB"));
  const scaled = () => (alpha === 1 ? product() : op.Mul(product(), scalar(alpha)));
  const first =
    opset >= WITHOUT_C
      ? op.Gemm(input(0), input(1), null, kept("alpha", "transA", "transB"))
      : scaled();
  return op.Add(first, beta === 1 ? c : op.Mul(c, scalar(beta)));
}

const GEMM = ["alpha", "beta", "transA", "transB"];
/** The first opset in which C may be absent. */
const WITHOUT_C = 11;
