import type { Dimension } from "../../src/onnx/shape.ts";

/** An array that a dataset must have: an input of a model, or a target. */
export interface Expected {
  readonly name: string;
  readonly role: "input" | "target";
  /** As ONNX spells it; null for any type. */
  readonly dtype: string | null;
  /** Null for any shape whose first dimension is the batch. */
  readonly shape: readonly Dimension[] | null;
  /** Whether a NaN is a missing value; it is refused by default. */
  readonly missing?: boolean | undefined;
}
