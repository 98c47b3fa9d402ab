import type { TypedGraph } from "../graph/graph.ts";
import type { Dimension } from "../onnx/dtypes.ts";
import type { Ort } from "../ort/session.ts";

/** A model that is to be run on random inputs. */
export interface Sampled extends TypedGraph {
  readonly ort: Ort;
}

/** Which sizes the free dimensions have in an attempt. */
export interface Sizing {
  /** Which candidate size of each dimension. */
  readonly step: number;
  /** The size of all free dimensions but the batch, in place of the candidates. */
  readonly size?: number | undefined;
  /** Whether they have the sizes that other inputs of as many axes state. */
  readonly beside?: boolean | undefined;
  /** The size of the first axis, of all inputs or of the named one alone. */
  readonly batch?: { readonly size: number; readonly input: string | null } | undefined;
}

/** One attempt: its sizes, and how large numbers are. */
export interface Attempt extends Sizing {
  /** Bounded by the tables that they index; sorted along the last axis; below 4; or all the same. */
  readonly integers: "bounded" | "sorted" | "few" | "zeros" | "ones";
  /** Normally distributed, or their absolute values. */
  readonly floats: "normal" | "positive";
  /** Which branch a model takes that branches on its inputs. */
  readonly turn: number;
}

/** Maximum number of sets of sizes that are tried. */
const STEPS = 8;
/** Maximum number of sizes that are tried because onnxruntime names them. */
const NAMED = 6;
/** The batch of many exporters' traces. */
const PAIR = 2;
/** Largest size that is tried as a batch because onnxruntime names it. */
const LARGEST_BATCH = 16;

/**
 * Yields the usual sizes, those that other inputs state, and those that onnxruntime named when it
 * refused the others. Then come batches that a trace may have fixed, of all inputs and of single
 * ones, and all other sizes. Sizes may be named while this runs.
 */
export function* sizings(named: ReadonlySet<number>, inputs: readonly string[]): Generator<Sizing> {
  const sizes = new Set<number | undefined>([undefined]);
  function* others() {
    for (const size of named) {
      if (sizes.size > NAMED) return;
      if (sizes.has(size)) continue;
      sizes.add(size);
      yield { step: 0, size };
    }
  }
  yield { step: 0 };
  yield { step: 0, beside: true };
  yield* others();
  for (const size of sizes) yield { step: 0, size, batch: { size: PAIR, input: null } };
  for (const size of [...named].filter((n) => n <= LARGEST_BATCH).slice(0, NAMED))
    for (const input of inputs.length > 1 ? [null, ...inputs] : [null])
      yield { step: 0, batch: { size, input } };
  for (let step = 1; step < STEPS; step++) {
    yield { step };
    yield* others();
  }
}

/** Returns the fixed sizes of other inputs on the axes of free dimensions, but the first axis. */
export function fixedBeside(
  shapes: readonly (readonly Dimension[] | null | undefined)[],
): number[] {
  const free = new Set<number>();
  for (const shape of shapes)
    for (const [axis, dim] of (shape ?? []).entries())
      if (axis > 0 && typeof dim !== "number") free.add(axis);
  const beside = shapes.flatMap((shape) => shape?.filter((_, axis) => free.has(axis)) ?? []);
  return beside.filter((dim) => typeof dim === "number").filter((size) => size > 1);
}
