import type { Tensor } from "onnxruntime-common";
import { compareTensors, type Difference } from "../../src/compare/difference.ts";
import { InputError } from "../../src/errors.ts";
import { tensorData } from "../../src/graph/constants.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { normal, uniform } from "../../src/graph/random.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { elements, showShape } from "../../src/onnx/dtypes.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { tensorToRun } from "../../src/ort/tensors.ts";
import type { SampleOptions } from "../../src/samples/draw.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import { checkSum, type FormulaReport, formulaRun } from "./formula.ts";
import { operandsOf, runSums, type Subject } from "./site-nodes.ts";

/** What one site computes on random operands, with its initial weights. */
export interface SiteReport extends Pick<FormulaReport, "site" | "passed" | "floatCopy"> {
  /** The operands' shape, free dimensions bound. */
  readonly shape: readonly number[];
  /** The original's plain sum compared with the result's; null if onnxruntime cannot run one of them. */
  readonly difference: Difference | null;
}

/** Maximum number of elements of a random operand. */
const MOST = 1 << 27;
/** Size of a free dimension that is not given. */
const SMALL = 3;

/**
 * Checks a site without running the model around it. On random operands of its inferred shape, its
 * inserted nodes must equal the original's plain sum with the initial weights, except for signs of
 * zeros, and the formula with random weights. Needs no sample inputs, and no weights other than the
 * new ones.
 */
export async function checkSite(
  subject: Subject,
  inserted: InsertedSite,
  options: SampleOptions = {},
): Promise<{ readonly start: SiteReport; readonly formula: FormulaReport }> {
  const { ort, original, result } = subject;
  const { site, parameters } = inserted;
  const shape = shapeOf(inserted, options);
  const operands = randomOperands(ort, inserted, shape, options.seed ?? 0);
  const terms = [site.skip, ...site.branches].map(({ value }) => value.name);
  const read = Object.fromEntries(terms.map((name) => [name, operands[name]]));
  const sumIn = async (graph: Graph, given: Tensors) =>
    (await runSums(ort, graph, site, [given]))?.[0] ?? null;
  const plain = await sumIn(original, read);
  const weights = Object.fromEntries(
    Object.values(parameters).map(({ name, dtype, dims }) => [
      name,
      tensorToRun(ort, dtype, tensorData(result, name), dims),
    ]),
  );
  const insertedSum = await sumIn(result, { ...operands, ...weights });
  const difference = plain && insertedSum ? compareTensors(plain, insertedSum) : null;
  const passed = difference?.absolute === 0;
  const run = formulaRun(subject, inserted, operands);
  const formula = await checkSum(subject, run, await sumIn(result, run.given));
  return {
    start: { site: site.name, shape, difference, passed, floatCopy: formula.floatCopy },
    formula: { ...formula, madeUp: true },
  };
}

/** The site's shape: free dimensions as given by name, else small, the first of them 1. */
function shapeOf({ site: { shape } }: InsertedSite, { dims = {} }: SampleOptions): number[] {
  return shape.map((dim, axis) =>
    typeof dim === "number"
      ? dim
      : (own(dims, dim) ?? (axis === 0 && shape.length > 1 ? 1 : SMALL)),
  );
}

/** Returns seeded operands, normally distributed. Throws an InputError if they would be too large. */
export function randomOperands(
  ort: Ort,
  inserted: InsertedSite,
  shape: readonly number[],
  seed: number,
): Tensors {
  const { dtype } = inserted.site;
  const count = elements(shape);
  if (count > MOST)
    throw new InputError(
      `site ${inserted.site.name} has the shape ${showShape(shape)}, which is too large for random operands; give --dim, or --no-prove.`,
    );
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const { name } of operandsOf(inserted)) {
    if (Object.hasOwn(tensors, name)) continue;
    const next = normal(uniform(seed, `${inserted.site.name} ${name}`));
    const values = Float64Array.from({ length: count }, next);
    tensors[name] = tensorToRun(ort, dtype, encodeNumbers(dtype, values), shape);
  }
  return tensors;
}
