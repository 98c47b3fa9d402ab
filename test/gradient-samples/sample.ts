/** Values of an input: its shape, between −1.5 and 1.5; or its shape and other ends. */
export type Spec =
  | readonly number[]
  | { readonly shape: readonly number[]; readonly low: number; readonly high: number };

/** A small model whose gradients are held against finite differences. */
export interface Sample {
  /** Nodes in ONNX's textual syntax; the last makes y. */
  readonly text: string;
  /** The floating-point inputs by name; each has a gradient unless it is among `absent`. */
  readonly inputs: Readonly<Record<string, Spec>>;
  /** Nodes whose differences are taken instead: what the text stands for. */
  readonly standsFor?: string;
  /** Initializers in ONNX's textual syntax. */
  readonly given?: string;
  readonly opset?: number;
  /** Double where onnxruntime has its kernels. */
  readonly dtype?: "float" | "double";
  /** The values differentiated; y. */
  readonly of?: readonly string[];
  /** Inputs to which no gradient goes. */
  readonly absent?: readonly string[];
}

/** Samples of every rule of a family: one that is missing does not compile. */
export type Samples<Family> = Readonly<Record<keyof Family, readonly Sample[]>>;

/** Positive values, away from 0. */
export const positive = (...shape: number[]): Spec => ({ shape, low: 0.3, high: 2.5 });

/** Values between these ends. */
export const within = (low: number, high: number, ...shape: number[]): Spec => ({
  shape,
  low,
  high,
});

/** A sample with one input x. */
export const unary = (text: string, x: Spec = [3, 4], more: Partial<Sample> = {}): Sample => ({
  text,
  inputs: { x },
  ...more,
});

/** A sample for each of these opsets. */
export const at = (opsets: readonly number[], sample: Sample): Sample[] =>
  opsets.map((opset) => ({ ...sample, opset }));

/** The sample in float, where onnxruntime has no double kernel. */
export const single = (sample: Sample): Sample => ({ ...sample, dtype: "float" });
