import { rows } from "../../../src/graph/own.ts";
import type { ScaleTable } from "./rule.ts";
import { homogeneous, invariant } from "./shared.ts";

/** Activations that a positive factor passes, and what does not change with it. */
export const scaleActivations: ScaleTable = {
  // The slope of a PRelu is no multiple of x: it is the same at every scale.
  ...rows(homogeneous(false), "Abs LeakyRelu PRelu Relu"),
  ...rows(invariant, "ArgMax ArgMin Hardmax Sign"),
  Neg: homogeneous(true),
};
