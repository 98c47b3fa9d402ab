import type { NodeView } from "../../src/graph/node-view.ts";
import type { Portable } from "../../src/graph/portable.ts";
import type { Attributes } from "../../src/onnx/new-node.ts";

/** The name of a cotangent; null if there is none. */
export type Cotangent = string | null;

/** A node of the forward graph as a gradient rule sees it: values by name, shapes with all sizes known. */
export interface GradientNode extends NodeView {
  /** Writes operators whose form changed between opsets. */
  readonly write: Portable;
  /** Writes a node of any operator, "com.example.WarpGrad" for instance; returns its outputs. */
  readonly node: (
    op: string,
    inputs: readonly (string | null)[],
    attributes?: Attributes,
    outputs?: number,
  ) => string[];
  /** Returns a constant scalar of the cotangents' type. */
  readonly scalar: (value: number) => string;
  /** The type of cotangents here: the values' own, or that of the values they represent. */
  readonly dtype: string;

  /** The cotangent of the first output, in its shape; `cotangents` has those of all outputs. */
  readonly g: string;
  readonly cotangents: readonly Cotangent[];
  /** The first output; `outputs` has all of them. */
  readonly y: string;
  readonly outputs: readonly (string | null)[];
  /**
   * Which inputs depend on a weight. A rule's results for the others are dropped, with their nodes.
   */
  readonly needs: readonly boolean[];

  /** Returns the shape of an input. Throws an InputError if a size is unknown. */
  readonly shape: (input: number) => readonly number[];
  /** Returns the shape of an output. Throws an InputError if a size is unknown. */
  readonly outShape: (output: number) => readonly number[];
  /** Returns the attribute `axis` as a place in the first input's shape. */
  readonly axis: (fallback: number) => number;
  /** Returns the numbers of a small constant input; null for any other. */
  readonly numbers: (input: number) => readonly number[] | null;
  /** Whether an input is a constant of zeros. */
  readonly isZero: (input: number) => boolean;
  /** Whether an input is a constant of ones. */
  readonly isOne: (input: number) => boolean;
  /** Whether an input is a Transpose of matrices that nothing else reads. */
  readonly isTransposed: (input: number) => boolean;
  /** Returns the data type of an input. */
  readonly inputType: (input: number) => string;
  /** Returns the data type of an output. */
  readonly outputType: (output: number) => string;
  /** Returns an input in the type of the cotangents. */
  readonly like: (input: number) => string;
  /** Returns a value, and states that it has the first output's shape. */
  readonly sized: (value: string) => string;
  /** Cotangents that a rule of `arithmetic` has already summed to their input's shape. */
  readonly summed: Set<string>;
}

/**
 * A vector-Jacobian product: takes the cotangents of a node's outputs and returns those of its
 * inputs, in order. They have the inputs' shapes, or the output's if the operator broadcasts; the
 * walk sums the latter back, casts each to its input's type, and adds up the contributions of
 * several readers. Null or absent for an input without a cotangent.
 */
export type GradientRule = (at: GradientNode, ...inputs: string[]) => readonly Cotangent[];

/** A user's rules by operator, as nodes have it: "com.example.Warp". They come before built-in ones. */
export type GradientRules = Readonly<Record<string, GradientRule>>;

/** Rules by operator. */
export type VjpTable = Readonly<Record<string, GradientRule>>;

/** The rule for operators that are constant almost everywhere. */
export const inert: GradientRule = () => [];
