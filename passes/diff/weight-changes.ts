import { initializerOf, weightDifference } from "../../src/compare/weight-twins.ts";
import { typeOfTensor } from "../../src/graph/constants.ts";
import type { Value } from "../../src/graph/graph.ts";
import { pathOf } from "../../src/graph/scopes.ts";
import type { MatchedModels } from "./matched-models.ts";
import type { DrawnWeight } from "./neighborhood.ts";

/** A weight that only one of two models has, or that differs. */
export interface WeightChange extends Omit<DrawnWeight, "mark"> {
  readonly scope: string;
  readonly change: "added" | "removed" | "changed";
  /** How a changed weight differs, for people; otherwise null. */
  readonly how: string | null;
}

/** The weights that differ between two models, by value of the model that has them. */
interface ChangedWeights {
  readonly changes: readonly WeightChange[];
  /** Weights of the first model and their counterparts that differ in the second. */
  readonly differing: ReadonlySet<Value>;
}

/** Compares the weights of two models. Reads those that both have. */
export function changedWeights({ a, b, weights }: MatchedModels): ChangedWeights {
  const differing = new Set<Value>();
  const changes: WeightChange[] = [];
  for (const [value, twin] of weights.twins) {
    const how = weightDifference(a.file, initializerOf(value)!, b.file, initializerOf(twin)!);
    if (how === null) continue;
    differing.add(value).add(twin);
    changes.push({ ...described(twin), change: "changed", how });
  }
  const all = (values: readonly Value[], change: "added" | "removed") =>
    values.map((value) => ({ ...described(value), change, how: null }));
  return {
    differing,
    changes: [...all(weights.added, "added"), ...all(weights.lost, "removed"), ...changes],
  };
}

function described(value: Value) {
  const { dtype = null, shape = null } = typeOfTensor(value) ?? {};
  return { name: value.name, scope: pathOf(value.scope), dtype, shape };
}
