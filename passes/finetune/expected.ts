import { listed } from "../../src/figures.ts";
import type { Dimension } from "../../src/onnx/dtypes.ts";

/** An array that a dataset must have: an input of a model, or a target. */
export interface Expected {
  readonly name: string;
  readonly role: "input" | "target";
  /** What it is for, in errors; by default an input of the model, or a target. */
  readonly use?: string | undefined;
  /** As ONNX spells it; null for any type. */
  readonly dtype: string | null;
  /** Null for any shape whose first dimension is the batch. */
  readonly shape: readonly Dimension[] | null;
  /** How a missing value is marked: as NaN (true), or of a target by this label; refused by default. */
  readonly missing?: boolean | number | undefined;
  /** What fills up lists of a table that are shorter than the longest one; they are refused by default. */
  readonly padding?: number | undefined;
  /** Whether words of a table name classes, which they do by default. */
  readonly words?: boolean | undefined;
}

/** Returns what an array is for, in errors. */
export const useOf = ({ role, use }: Pick<Expected, "role" | "use">): string =>
  use ?? (role === "input" ? "an input of the model" : "a target");

/** Returns a sentence on arrays or columns of a file that nothing reads. */
export const unreadNote = (what: string, names: readonly string[], file: string): string =>
  names.length === 1
    ? `${what} ${names} of ${file} is neither input nor target.`
    : `${what}s ${listed(names)} of ${file} are neither input nor target.`;
