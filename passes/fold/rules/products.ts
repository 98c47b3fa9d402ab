import { rows } from "../../../src/graph/own.ts";
import { type Factor, isOne, ONE, onAxis, reciprocal, times } from "../factor.ts";
import type { At } from "../node-at.ts";
import type { Change, Passed, ScaleRequest, ScaleRule, ScaleTable } from "./rule.ts";
import { isScalar, onlyAt, provided, takenInBy } from "./shared.ts";

/** Axis of a matrix, from its last. */
const fromLast = (at: At, input: number, back: number) => {
  const rank = at.shape(input)?.length;
  return rank === undefined || rank < back ? null : rank - back;
};

/** A product of two values: a factor goes into the constant one, or on. */
function productOf(at: At, factors: readonly Factor[]): Passed | null {
  const [a, b] = factors;
  if (!onlyAt(factors, 0, 1)) return null;
  const requests: ScaleRequest[] = [];
  for (const k of [0, 1]) {
    const other = 1 - k;
    if (isOne(factors[k]) || !at.isConstant(other)) continue;
    const inner = innerFactor(at, k, factors[k]);
    if (!inner) return null;
    requests.push([other, inner]);
  }
  const out = isScalar(a) && isScalar(b) ? times(a, b) : null;
  const passed: Passed | null = out && {
    outputs: [out],
    requests: !at.has(2) || isOne(out) ? [] : [[2, reciprocal(out)]],
  };
  if (requests.length === 0) return passed;
  return { outputs: [ONE], requests, ...(passed ? { otherwise: passed } : {}) };
}

/** A factor of one operand's inner axis on the other operand. */
function innerFactor(at: At, input: number, factor: Factor): Factor | null {
  if (factor.axis === null) return factor;
  const turned = (k: number) => at.int(k === 0 ? "transA" : "transB", 0) === 1;
  const inner = (k: number) => fromLast(at, k, (k === 0) !== turned(k) ? 1 : 2);
  const other = 1 - input;
  const axis = inner(other);
  return factor.axis === inner(input) && axis !== null ? onAxis(factor, axis) : null;
}

/** The multiplier of a product in one of its operands. */
function outer(at: At, by: Factor): ScaleRequest[] {
  const rank = at.outShape(0)?.length;
  const requests: ScaleRequest[] = [];
  if (by.axis === null) requests.push([1, by], [0, by]);
  else if (rank !== undefined && by.axis === rank - 1) {
    const axis = fromLast(at, 1, at.int("transB", 0) === 1 ? 2 : 1);
    if (axis !== null && (at.shape(1)?.length ?? 0) > 1) requests.push([1, onAxis(by, axis)]);
  }
  return requests.sort(([a], [b]) => Number(at.isConstant(b)) - Number(at.isConstant(a)));
}

/** A matrix product; a Gemm may add a bias. */
const product: ScaleRule = {
  forward: productOf,
  backward: (at, by) =>
    outer(at, by).map((request): Change => {
      if (!at.has(2)) return { requests: [request] };
      const rank = at.shape(2)?.length ?? 0;
      const bias = by.axis === null ? by : onAxis(by, rank - 1);
      return { requests: [request, [2, bias]] };
    }),
};

/** Einsum of two operands: linear in each. */
const einsum: ScaleRule = {
  forward: (at, factors) => {
    if (at.inputs > 2 || !factors.every(isScalar)) return null;
    const [constant] = [0, 1].filter((k) => at.has(k) && at.isConstant(k));
    const out = factors.reduce<Factor | null>((a, b) => a && times(a, b), ONE);
    if (!out) return null;
    return constant === undefined
      ? { outputs: [out] }
      : { outputs: [ONE], requests: [[constant, out]] };
  },
  backward: (at, by) =>
    isScalar(by)
      ? Array.from({ length: at.inputs }, (_, k): Change => ({ requests: [[k, by]] }))
      : null,
};

/** Weights of 4 or 8 bits: their scales are what a factor goes into. */
const blocked: ScaleRule = {
  ...takenInBy(2),
  backward: (at, by) => {
    if (!isScalar(by)) return null;
    return [{ requests: [[2, by], ...(at.has(5) ? [[5, by] as const] : [])] }];
  },
};

/** Matrix products. */
export const scaleProducts = {
  "com.microsoft.FusedMatMul": provided((_, factor) => isScalar(factor), product),
  "com.microsoft.MatMulNBits": blocked,
  Einsum: einsum,
  ...rows(product, "Gemm MatMul"),
} satisfies ScaleTable;
