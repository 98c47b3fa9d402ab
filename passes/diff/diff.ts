import { checkArgument, checkModel, object } from "../../src/arguments.ts";
import {
  type CompareOptions,
  type Comparison,
  comparing,
} from "../../src/compare/compare-models.ts";
import { type NotRun, notRun } from "../../src/compare/outcome.ts";
import { weightDifference } from "../../src/compare/weight-twins.ts";
import { InputError } from "../../src/errors.ts";
import type { Value } from "../../src/graph/graph.ts";
import { pathOf } from "../../src/graph/scopes.ts";
import type { Model } from "../../src/model.ts";
import { checkOptions, type Declared, isRecord } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import { compare } from "../proof/compare.ts";
import { type MatchedModels, matchedModels } from "./matched-models.ts";
import {
  type ModelSummary,
  modelSummary,
  type OperatorCount,
  operatorCounts,
} from "./model-summary.ts";
import { type DrawnWeight, typedWeight } from "./neighborhood.ts";
import { type NodeDiff, type RegionDiff, regionDiffs } from "./region-diffs.ts";

/** How two models differ, as plain data. */
export interface ModelDiff {
  readonly before: ModelSummary;
  readonly after: ModelSummary;
  readonly operators: readonly OperatorCount[];
  readonly nodes: readonly NodeDiff[];
  readonly weights: readonly WeightChange[];
  readonly regions: readonly RegionDiff[];
  /** The result of `compare`, or why it did not run; null without onnxruntime. */
  readonly comparison: Comparison | NotRun | null;
}

/** Options of `diff`. Without onnxruntime, the two models are not run. */
export interface DiffOptions extends CompareOptions {
  readonly ort?: Ort | undefined;
}

const diffing: Declared<DiffOptions> = { ...comparing, ort: object };

/**
 * Returns what differs between any two models: nodes, weights, operators, the neighborhood of each
 * change, and with onnxruntime how their outputs compare. Nodes are matched by the values they
 * write, through bodies and functions.
 */
export async function diff(a: Model, b: Model, options: DiffOptions = {}): Promise<ModelDiff> {
  checkModel("diff", a, "first model");
  checkModel("diff", b, "second model");
  checkOptions("diff", options, diffing);
  const { ort, ...comparison } = options;
  const matched = matchedModels(a.graph, b.graph);
  const weights = changedWeights(matched);
  const { regions, nodes } = regionDiffs({ a, b, matched, differing: weights.differing });
  return {
    before: modelSummary(a),
    after: modelSummary(b),
    operators: operatorCounts(a, b),
    nodes,
    weights: weights.changes,
    regions,
    comparison: ort ? await compared(a, b, ort, comparison) : null,
  };
}

/** Throws a TypeError of one sentence if an argument is not a result of `diff`. */
export function checkDiff(of: string, given: unknown): void {
  const fits = isRecord(given) && "regions" in given && "nodes" in given;
  checkArgument(of, given, fits, "a result of diff");
}

async function compared(
  a: Model,
  b: Model,
  ort: Ort,
  options: CompareOptions,
): Promise<Comparison | NotRun> {
  try {
    return await compare(a, b, { ort, ...options });
  } catch (error) {
    if (error instanceof InputError) return notRun(error.message.replace(/\.$/, ""));
    throw error;
  }
}

/** A weight that only one of two models has, or that differs. */
export interface WeightChange extends Omit<DrawnWeight, "mark"> {
  readonly scope: string;
  readonly change: "added" | "removed" | "changed";
  /** How a changed weight differs, for people; otherwise null. */
  readonly how: string | null;
}

/**
 * Compares the weights of two models. Reads those that both have; `differing` holds those of them
 * that differ, of either model.
 */
function changedWeights({ weights }: MatchedModels) {
  const differing = new Set<Value>();
  const changes: WeightChange[] = [];
  for (const [value, twin] of weights.twins) {
    const how = weightDifference(value, twin);
    if (how === null) continue;
    differing.add(value).add(twin);
    changes.push({ ...described(twin), change: "changed", how });
  }
  const all = (values: readonly Value[], change: "added" | "removed"): WeightChange[] =>
    values.map((value) => ({ ...described(value), change, how: null }));
  return {
    differing,
    changes: [...all(weights.added, "added"), ...all(weights.lost, "removed"), ...changes],
  };
}

function described(value: Value) {
  const { name, ...type } = typedWeight(value);
  return { name, scope: pathOf(value.scope), ...type };
}
