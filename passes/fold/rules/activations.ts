import type { ScaleTable } from "./rule.ts";
import { homogeneous, invariant } from "./shared.ts";

/** Activations that a positive factor passes, and what does not change with it. */
export const scaleActivations = {
  Abs: homogeneous(false),
  ArgMax: invariant,
  ArgMin: invariant,
  Hardmax: invariant,
  LeakyRelu: homogeneous(false),
  Neg: homogeneous(true),
  // The slope is no multiple of x: it is the same at every scale.
  PRelu: homogeneous(false),
  Relu: homogeneous(false),
  Sign: invariant,
} satisfies ScaleTable;
