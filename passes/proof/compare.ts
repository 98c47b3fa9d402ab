import { checkGiven, checkModel, type WithOrt, withOrt } from "../../src/arguments.ts";
import {
  type CompareOptions,
  type Comparison,
  compareGraphs,
  comparing,
} from "../../src/compare/compare-models.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { abortable, unlessAborted } from "../../src/ort/abortable.ts";

/**
 * Compares any two models: what the second has changed or lost, whether both compute the same, and
 * the first difference.
 */
export async function compare(
  a: Model,
  b: Model,
  given: WithOrt & CompareOptions,
): Promise<Comparison> {
  checkModel("compare", a, "first model");
  checkModel("compare", b, "second model");
  checkGiven("compare", given, { ...withOrt, ...comparing });
  const { ort: handed, ...options } = given;
  const ort = abortable(handed, options.signal);
  const { types } = await typesOf(a, ort);
  const comparison = compareGraphs(ort, { graph: a.graph, types }, b.graph, options);
  return unlessAborted(options.signal, comparison);
}
