import type { Tensor } from "onnxruntime-common";
import { compareTensors, type Difference } from "../../src/compare/difference.ts";
import { InputError } from "../../src/errors.ts";
import { tensorData } from "../../src/graph/constants.ts";
import { own } from "../../src/graph/own.ts";
import { uniform } from "../../src/graph/random.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { showShape } from "../../src/onnx/shape.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { tensorToRun } from "../../src/ort/tensors.ts";
import type { SampleOptions } from "../../src/samples/samples.ts";
import type { Augmented } from "../laurelize/insert.ts";
import { checkFormula, type FormulaReport } from "./formula.ts";
import { operandsOf, runSum } from "./site-nodes.ts";
import type { Subject } from "./subject.ts";

/** What one site computes on made-up operands, its weights as they start. */
export interface SiteReport {
  readonly site: string;
  /** The operands' shape, free dimensions bound. */
  readonly shape: readonly number[];
  /** The original's plain sum against the result's; null where onnxruntime does not run one of them. */
  readonly difference: Difference | null;
  readonly passed: boolean;
  /** It was run as float, which the site's own type has no kernels for. */
  readonly floatCopy: boolean;
}

/** Elements of an operand that is made up. */
const MOST = 1 << 27;
/** A free dimension's size where none is given. */
const SMALL = 3;

/**
 * Holds a site without running the model around it: on made-up operands of its inferred shape its
 * inserted nodes must equal the original's plain sum bit for bit with the start weights, and the
 * formula with weights drawn at random. It needs no sample inputs, and no weight but the new ones.
 */
export async function checkSite(
  subject: Subject,
  augmented: Augmented,
  options: SampleOptions = {},
): Promise<{ readonly start: SiteReport; readonly formula: FormulaReport }> {
  const { ort, original, result } = subject;
  const { site, parameters } = augmented;
  const shape = shapeOf(augmented, options);
  const operands = madeUp(ort, augmented, shape, options.seed ?? 0);
  const terms = [site.skip, ...site.branches].map(({ value }) => value.name);
  const plain = await runSum(
    ort,
    original,
    site,
    Object.fromEntries(terms.map((name) => [name, operands[name]])),
  );
  const weights = Object.values(parameters).map(({ name, dtype, dims }) => [
    name,
    tensorToRun(ort, dtype, tensorData(result, name), dims),
  ]);
  const augmentedSum = await runSum(ort, result, site, {
    ...operands,
    ...Object.fromEntries(weights),
  });
  const difference = plain && augmentedSum ? compareTensors(plain, augmentedSum) : null;
  const passed = difference?.bitEqual ?? false;
  const formula = await checkFormula(subject, augmented, operands);
  return {
    start: { site: site.name, shape, difference, passed, floatCopy: formula.floatCopy },
    formula: { ...formula, madeUp: true },
  };
}

/** The site's shape: free dimensions as given by name, else small, the first of them 1. */
function shapeOf({ site: { shape } }: Augmented, { dims = {} }: SampleOptions): number[] {
  return shape.map((dim, axis) =>
    typeof dim === "number"
      ? dim
      : (own(dims, dim) ?? (axis === 0 && shape.length > 1 ? 1 : SMALL)),
  );
}

/** Seeded operands, normally distributed. */
function madeUp(ort: Ort, augmented: Augmented, shape: readonly number[], seed: number): Tensors {
  const { dtype } = augmented.site;
  const count = shape.reduce((a, b) => a * b, 1);
  if (count > MOST)
    throw new InputError(
      `site ${augmented.site.name} has the shape ${showShape(shape)}, too large to make operands up; give --dim, or --no-prove.`,
    );
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const { name } of operandsOf(augmented)) {
    if (Object.hasOwn(tensors, name)) continue;
    const next = uniform(seed, `${augmented.site.name} ${name}`);
    const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const values = Float64Array.from({ length: count }, normal);
    tensors[name] = tensorToRun(ort, dtype, encodeNumbers(dtype, values), shape);
  }
  return tensors;
}
