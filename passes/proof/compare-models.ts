import { checkGiven, checkModel, type WithOrt, withOrt } from "../../src/arguments.ts";
import {
  type CompareOptions,
  type Comparison,
  compareGraphs,
  comparing,
} from "../../src/compare/compare-models.ts";
import { type Model, typesOf } from "../../src/model.ts";

/**
 * Compares any two models: what of the first the second has changed or lost, whether both compute
 * the same, and where not, the first value that differs.
 */
export async function compareModels(
  a: Model,
  b: Model,
  given: WithOrt & CompareOptions,
): Promise<Comparison> {
  checkModel("compareModels", a, "first model");
  checkModel("compareModels", b, "second model");
  checkGiven("compareModels", given, { ...withOrt, ...comparing });
  const { ort, ...options } = given;
  const { types } = await typesOf(a, ort);
  return compareGraphs(ort, { graph: a.graph, types }, b.graph, options);
}
