import type { Dimension } from "../onnx/shape.ts";
import { reason } from "../ort/session.ts";

/** One attempt: which candidate size of each dimension, and how large integers are. */
export interface Attempt {
  readonly step: number;
  /** The size of all free dimensions but the batch, in place of the candidates. */
  readonly size?: number | undefined;
  readonly integers: "bounded" | "zeros" | "ones";
  /** Normally distributed, or their absolute values. */
  readonly floats: "normal" | "positive";
  /** Which branch a model takes that branches on its inputs. */
  readonly turn: number;
}

/** Maximum number of sets of sizes that are tried. */
const STEPS = 8;
/** Maximum number of sizes that are tried because onnxruntime names them. */
const NAMED = 6;

/** The first sizes, then those that onnxruntime named when it refused them, then all others. */
export function* attempts(named: ReadonlySet<number>): Generator<Attempt> {
  const kinds = ["bounded", "zeros", "ones"] as const;
  const common = { floats: "normal", turn: 0 } as const;
  for (const integers of kinds) yield { ...common, step: 0, integers };
  for (const size of [...named].slice(0, NAMED))
    for (const integers of kinds) yield { ...common, step: 0, integers, size };
  for (let step = 1; step < STEPS; step++)
    for (const integers of kinds) yield { ...common, step, integers };
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

/**
 * Returns the sizes that a message of onnxruntime names, as in "12 by 8": a size that the trace of
 * an exporter fixed is among them.
 */
export const namedSizes = (error: unknown): number[] =>
  (reason(error).match(/(?<![\w.:/-])\d{1,4}(?![\w.])/g) ?? []).map(Number).filter((n) => n > 1);
