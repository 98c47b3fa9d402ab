import type { NodeView } from "../../src/graph/node-view.ts";
import type { Portable } from "../../src/graph/portable.ts";

/** A cotangent by its name; null where none goes that way. */
export type Cotangent = string | null;

/** A node of the forward graph as a rule sees it: values by name, shapes with every size known. */
export interface Applied extends NodeView<string> {
  /** Writes nodes of operators whose form changed with the opset. */
  readonly write: Portable<string>;
  /** A constant of the cotangents' type, without a shape. */
  readonly scalar: (value: number) => string;
  /** The type that cotangents have here: the values' own, or that of what they stand for. */
  readonly dtype: string;

  /** The cotangent of the first output, of its shape; of all outputs: `cotangents`. */
  readonly g: string;
  readonly cotangents: readonly Cotangent[];
  /** The first output; all of them: `outputs`. */
  readonly y: string;
  readonly outputs: readonly (string | null)[];
  /** Which inputs lead to a weight. What a rule gives for the others is dropped, with its nodes. */
  readonly needs: readonly boolean[];

  /** The shape of an input. Throws an InputError where a size is not known. */
  readonly shape: (input: number) => readonly number[];
  readonly outShape: (output: number) => readonly number[];
  /** The numbers of an input that no data can change, small ones; null of any other. */
  readonly numbers: (input: number) => readonly number[] | null;
  /** Whether an input is a constant of zeros. */
  readonly isZero: (input: number) => boolean;
  readonly inputType: (input: number) => string;
  readonly outputType: (output: number) => string;
  /** An input in the type that cotangents have here. */
  readonly like: (input: number) => string;
  /** Cotangents that a rule of `arithmetic` has summed to their input's shape itself. */
  readonly summed: Set<string>;
}

/**
 * A vector-Jacobian product: from the cotangent of what an operator gave to those of what it took,
 * in order, of its inputs' shapes, or of the output's where the operator broadcasts. The walk sums
 * the latter back, casts each to its input's type, and adds up what comes from several readers.
 * Null, or nothing, for an input to which none goes.
 */
export type GradientRule = (at: Applied, ...inputs: string[]) => readonly Cotangent[];

/** Rules by operator. */
export type VjpTable = Readonly<Record<string, GradientRule>>;

/** The rule of what is constant almost everywhere. */
export const inert: GradientRule = () => [];
