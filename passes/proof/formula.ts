import type { Tensor } from "onnxruntime-common";
import { uniform } from "../../src/graph/random.ts";
import { encodeNumbers, largest, roundoff } from "../../src/graph/tensor.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { placesIn } from "../../src/ort/broadcast.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { numbersIn, runsAs, tensorToRun, toFloat64 } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";
import type { Folded, SiteDescription, Stating, Variant } from "../variants/variant.ts";
import { constantTensor, constantTerms, operandsOf, runSum, type Subject } from "./site-nodes.ts";

/** What the inserted nodes of one site compute, against the paper's formula. */
export interface FormulaReport {
  readonly site: string;
  /** Largest |y − formula|. */
  readonly difference: number;
  /** The rounding bound at that place. */
  readonly bound: number;
  readonly passed: boolean;
  /** Whether its operands are random, because no run of the model reached it. */
  readonly madeUp: boolean;
  /** It was run as float, which the site's own type has no kernels for. */
  readonly floatCopy: boolean;
}

/**
 * Runs the inserted nodes of a site alone, as they stand in the result, on operands captured from
 * a real run and on new weights drawn at random, and holds the sum against
 * `y = α f + β (x + Σ addends)`, its terms times the sum's own factors, and the constants that the sum adds, in float64. The bound is the standard one of a sum of n products,
 * n u Σ|terms| with n = D + kr + 3k + 16 and u the type's unit roundoff (Higham, Accuracy and Stability
 * of Numerical Algorithms, section 3.1).
 */
export async function checkFormula(
  { ort, original, result, plan }: Subject,
  inserted: InsertedSite,
  operands: Tensors,
): Promise<FormulaReport> {
  const { site, place, parameters } = inserted;
  const given: Record<string, Tensor> = Object.create(null);
  for (const { name } of operandsOf(inserted)) given[name] = operands[name];
  const weights: Record<string, Record<string, Float64Array>> = {};
  for (const [key, { name, dtype, dims }] of Object.entries(parameters)) {
    const [part, role] = key.split(".");
    const values = drawn(plan.options.seed, name, dims);
    given[name] = tensorToRun(ort, dtype, encodeNumbers(dtype, values), dims);
    weights[part] = { ...weights[part], [role]: toFloat64(given[name]) };
  }
  const dtype = runsAs(place.dtype);
  const report = { site: site.name, madeUp: false, floatCopy: dtype !== place.dtype };
  const sum = await runSum(ort, result, site, given);
  if (!sum) return { ...report, difference: Infinity, bound: 0, passed: false, floatCopy: false };
  const shape = operands[site.skip.value.name].dims;
  const own = site.skip.factor ?? 1;
  const constants = (await constantTerms(ort, result, inserted)).map((tensor) =>
    multiplied(broadcast(tensor, shape), own),
  );
  const branches = site.branches.map(({ value, factor = 1 }) =>
    multiplied(toFloat64(operands[value.name]), factor),
  );
  if (site.bias)
    branches.push(broadcast(await constantTensor(ort, original, site.bias.value), shape));
  const terms = termsOf(plan, inserted, weights, operands);
  return { ...worstOf(toFloat64(sum), { ...terms, branches, constants }, dtype), ...report };
}

/** Uniform in ±1/√n, n the longest axis: products stay of the size of the operands. */
function drawn(seed: number, name: string, dims: readonly number[]): Float64Array {
  const next = uniform(seed, `${name}.drawn`);
  const scale = 1 / Math.sqrt(Math.max(1, ...dims));
  return Float64Array.from({ length: elements(dims) }, () => (2 * next() - 1) * scale);
}

/** A tensor's values at every place of a larger shape, by numpy's rules. */
function broadcast(tensor: Tensor, shape: readonly number[]): Float64Array {
  const values = numbersIn(tensor);
  const places = placesIn(tensor.dims, shape);
  const spread = new Float64Array(places.length);
  for (let k = 0; k < spread.length; k++) spread[k] = values[places[k]];
  return spread;
}

/** A tensor folded to [outer, D, inner] about the feature axis. */
function fold(tensor: Tensor, { feature: { axis, size } }: SiteDescription): Folded {
  const { dims } = tensor;
  const [outer, inner] = [elements(dims.slice(0, axis)), elements(dims.slice(axis + 1))];
  return { data: toFloat64(tensor), outer, size, inner };
}

/** The formula of a sum but for what its branches and constants add, and what bounds its rounding. */
interface Terms {
  /** α and β, one or one for each feature. */
  readonly alpha: Float64Array;
  readonly beta: Float64Array;
  /** x + Σ addends, and the sum of the magnitudes of all products in it. */
  readonly bracket: Float64Array;
  readonly magnitudes: Float64Array;
  readonly place: SiteDescription;
  readonly inner: number;
  /** Products of one element of the sum. */
  readonly products: number;
}

type Weights = Readonly<Record<string, Record<string, Float64Array>>>;

function termsOf(
  { parts, options }: Plan,
  { site, place, operands: lagged }: InsertedSite,
  weights: Weights,
  operands: Tensors,
): Terms {
  const stating = (part: Variant, magnitude: boolean): Stating => ({
    parameters: weights[part.name],
    place,
    options,
    magnitude,
  });
  const xs = lagged.map(({ name }) => fold(operands[name], place));
  const [{ data: x, size, inner }] = xs;
  const weighing = parts.find((part) => part.factorsFormula);
  const one = Float64Array.of(1);
  const factors = weighing?.factorsFormula?.(stating(weighing, false));
  const { alpha, beta } = factors ?? { alpha: one, beta: one };
  const bracket = x.slice();
  const magnitudes = x.map(Math.abs);
  for (const part of parts) {
    const exact = part.addendFormula?.(stating(part, false), xs);
    const large = part.addendFormula?.(stating(part, true), xs);
    if (exact && large) {
      addTo(bracket, exact);
      addTo(magnitudes, large);
    }
  }
  const products = size + xs.length * (Math.min(options.rank, size) + 3) + 16;
  const own = site.skip.factor ?? 1;
  const whole = { bracket: multiplied(bracket, own), magnitudes: multiplied(magnitudes, own) };
  return { alpha, beta, ...whole, place, inner, products };
}

const multiplied = (numbers: Float64Array, by: number): Float64Array =>
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
  const { bracket, products } = terms;
  const unit = products * roundoff(dtype);
  const tiny = products * products * (dtype === "float16" ? 2 ** -25 : 2 ** -150);
  let [difference, bound, worst] = [0, 0, 0];
  for (let k = 0; k < bracket.length; k++) {
    const { formula, magnitude } = elementOf(terms, k);
    // What does not fit into the type on the way is not a number in either.
    const overflows = !Number.isFinite(y[k]) && magnitude >= largest(dtype);
    if (isSame(y[k], formula) || overflows) continue;
    const off = Math.abs(y[k] - formula);
    const allowed = unit * magnitude + tiny;
    const ratio = Number.isNaN(off) ? Infinity : off / allowed;
    if (ratio >= worst)
      [difference, bound, worst] = [Number.isNaN(off) ? Infinity : off, allowed, ratio];
  }
  return { difference, bound, passed: worst <= 1 && y.length === bracket.length };
}

const isSame = (y: number, formula: number) =>
  Object.is(y, formula) || (!Number.isFinite(formula) && y === formula);

/** One element of the formula, and the sum of the magnitudes of its terms. */
function elementOf(
  terms: Parameters<typeof worstOf>[1],
  k: number,
): { readonly formula: number; readonly magnitude: number } {
  const { alpha, beta, bracket, magnitudes, place, inner, branches, constants } = terms;
  const feature = alpha.length === 1 ? 0 : Math.floor(k / inner) % place.feature.size;
  const [a, b] = [alpha[feature], beta[feature]];
  let [formula, magnitude] = [b * bracket[k], Math.abs(b) * magnitudes[k]];
  for (const f of branches) {
    formula += a * f[k];
    magnitude += Math.abs(a * f[k]);
  }
  for (const c of constants) {
    formula += c[k];
    magnitude += Math.abs(c[k]);
  }
  return { formula, magnitude };
}
