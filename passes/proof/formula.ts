import type { Tensor } from "onnxruntime-common";
import { uniformWithin } from "../../src/graph/random.ts";
import { absolutes, encodeNumbers, largest, roundoff } from "../../src/graph/tensor.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { runsAs, tensorToRun, toFloat64 } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";
import type { Folded, Stating, Variant } from "../variants/variant.ts";
import { broadcastAt, numbersAt, positionsOf } from "./positions.ts";
import { constantTensor, constantTerms, operandsOf, type Subject } from "./site-nodes.ts";

/** How far the inserted nodes of one site are from the paper's formula. */
export interface FormulaReport {
  readonly site: string;
  /** |y − formula| at the element that is farthest from it in units of its rounding bound. */
  readonly difference: number;
  /** The rounding bound of that element. */
  readonly bound: number;
  readonly passed: boolean;
  /** Whether its operands are random, because no run of the model reached it. */
  readonly madeUp: boolean;
  /** Whether it ran as float, because onnxruntime has no kernels for the site's own type. */
  readonly floatCopy: boolean;
}

/** What the inserted nodes of a site read: its operands, and new weights drawn at random. */
interface FormulaRun {
  readonly inserted: InsertedSite;
  readonly given: Tensors;
  readonly weights: Weights;
}

/** Draws weights for the inserted nodes of a site, to run on these operands. */
export function formulaRun(
  { ort, plan }: Subject,
  inserted: InsertedSite,
  operands: Tensors,
): FormulaRun {
  const given: Record<string, Tensor> = Object.create(null);
  for (const { name } of operandsOf(inserted)) given[name] = operands[name];
  const weights: Record<string, Record<string, Float64Array>> = {};
  for (const [key, { name, dtype, dims }] of Object.entries(inserted.parameters)) {
    const [part, role] = key.split(".");
    // Uniform in ±1/√n, n the longest axis: products stay of the size of the operands.
    const limit = 1 / Math.sqrt(Math.max(1, ...dims));
    const values = uniformWithin(limit, elements(dims), plan.options.seed, `${name}.drawn`);
    given[name] = tensorToRun(ort, dtype, encodeNumbers(dtype, values), dims);
    weights[part] = { ...weights[part], [role]: toFloat64(given[name]) };
  }
  return { inserted, given, weights };
}

/**
 * Checks a site's sum, computed on the operands of a run and on random new weights, against `y = α
 * f + β (x + Σ addends)` in float64, at about 4,096 elements. Terms are multiplied by the sum's own
 * factors, and its constants are added. The bound is the standard one of a sum of n products, n u
 * Σ|terms| with n = D + kr + 3k + 16 and u the type's unit roundoff (Higham, Accuracy and Stability
 * of Numerical Algorithms, section 3.1), plus n² half subnormals.
 */
export async function checkSum(
  { ort, original, result, plan }: Subject,
  { inserted, given: operands, weights }: FormulaRun,
  sum: Tensor | null,
): Promise<FormulaReport> {
  const { site, place } = inserted;
  const dtype = runsAs(place.dtype);
  const report = { site: site.name, madeUp: false, floatCopy: dtype !== place.dtype };
  if (!sum) return { ...report, difference: Infinity, bound: 0, passed: false, floatCopy: false };
  const { dims: shape } = operands[site.skip.value.name];
  const positions = positionsOf(shape, inserted, plan.options.seed);
  const added = await constantTerms(ort, result, inserted);
  const constants = added.map((tensor) =>
    multiplied(broadcastAt(tensor, shape, positions), site.skip.factor),
  );
  const branches = site.branches.map(({ value, factor }) =>
    multiplied(numbersAt(operands[value.name], positions), factor),
  );
  if (site.bias) {
    const bias = await constantTensor(ort, original, site.bias.value);
    branches.push(broadcastAt(bias, shape, positions));
  }
  const xs = inserted.operands.map(({ name }) => numbersAt(operands[name], positions));
  const terms = termsOf(plan, inserted, weights, xs);
  const worst = worstOf(numbersAt(sum, positions), { ...terms, branches, constants }, dtype);
  const isWhole = sum.data.length === elements(shape);
  return { ...worst, passed: worst.passed && isWhole, ...report };
}

/** The formula of a sum without what its branches and constants add, and what bounds its rounding. */
interface Terms {
  /** α and β, one or one for each feature. */
  readonly alpha: Float64Array;
  readonly beta: Float64Array;
  /** x + Σ addends, and the sum of the magnitudes of all products in it. */
  readonly bracket: Float64Array;
  readonly magnitudes: Float64Array;
  /** Number of positions, whose features are in a row each. */
  readonly width: number;
  /** Products of one element of the sum. */
  readonly products: number;
}

type Weights = Readonly<Record<string, Record<string, Float64Array>>>;

function termsOf(
  { parts, options }: Plan,
  { site, place }: InsertedSite,
  weights: Weights,
  xs: readonly Float64Array[],
): Terms {
  const stating = (part: Variant, magnitude: boolean): Stating => ({
    parameters: weights[part.name],
    place,
    options,
    magnitude,
  });
  const { size } = place.feature;
  const width = xs[0].length / size;
  const folded = xs.map((data): Folded => ({ data, outer: 1, size, inner: width }));
  const weighing = parts.find((part) => part.factorsFormula);
  const one = Float64Array.of(1);
  const factors = weighing?.factorsFormula?.(stating(weighing, false));
  const { alpha, beta } = factors ?? { alpha: one, beta: one };
  const bracket = xs[0].slice();
  const magnitudes = absolutes(xs[0]);
  for (const part of parts) {
    const exact = part.addendFormula?.(stating(part, false), folded);
    const large = part.addendFormula?.(stating(part, true), folded);
    if (exact && large) {
      addTo(bracket, exact);
      addTo(magnitudes, large);
    }
  }
  const products = size + xs.length * (Math.min(options.rank, size) + 3) + 16;
  const whole = {
    bracket: multiplied(bracket, site.skip.factor),
    magnitudes: multiplied(magnitudes, site.skip.factor),
  };
  return { alpha, beta, ...whole, width, products };
}

const multiplied = (numbers: Float64Array, by = 1): Float64Array =>
  by === 1 ? numbers : numbers.map((number) => by * number);

function addTo(sum: Float64Array, addend: Float64Array): void {
  for (let k = 0; k < sum.length; k++) sum[k] += addend[k];
}

/** The element that is farthest from the formula, in units of its bound. */
function worstOf(
  y: Float64Array,
  terms: Terms & Readonly<Record<"branches" | "constants", readonly Float64Array[]>>,
  dtype: string,
): Pick<FormulaReport, "difference" | "bound" | "passed"> {
  const { products } = terms;
  const unit = products * roundoff(dtype);
  const tiny = products * products * (dtype === "float16" ? 2 ** -25 : 2 ** -150);
  let [difference, bound, worst] = [0, 0, 0];
  for (const [k, sum] of y.entries()) {
    const { formula, magnitude } = formulaAt(terms, k);
    // What overflows the type in between is not a finite number in either.
    const overflows = !Number.isFinite(sum) && magnitude >= largest(dtype);
    if (isSame(sum, formula) || overflows) continue;
    const off = Math.abs(sum - formula);
    const allowed = unit * magnitude + tiny;
    const ratio = Number.isNaN(off) ? Infinity : off / allowed;
    if (ratio >= worst)
      [difference, bound, worst] = [Number.isNaN(off) ? Infinity : off, allowed, ratio];
  }
  return { difference, bound, passed: worst <= 1 };
}

const isSame = (y: number, formula: number) =>
  Object.is(y, formula) || (!Number.isFinite(formula) && y === formula);

/** The formula, and the sum of the magnitudes of its terms, at an element. */
function formulaAt(terms: Parameters<typeof worstOf>[1], k: number) {
  const { alpha, beta, bracket, magnitudes, width, branches, constants } = terms;
  const feature = alpha.length === 1 ? 0 : Math.floor(k / width);
  const addends = [...branches.map((f) => alpha[feature] * f[k]), ...constants.map((c) => c[k])];
  return {
    formula: addends.reduce((sum, n) => sum + n, beta[feature] * bracket[k]),
    magnitude: addends.reduce(
      (sum, n) => sum + Math.abs(n),
      Math.abs(beta[feature]) * magnitudes[k],
    ),
  };
}
