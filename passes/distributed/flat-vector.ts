import type { Builder } from "../../src/graph/builder.ts";
import { elements, type Type } from "../../src/onnx/dtypes.ts";
import type { Weight } from "../finetune/gradient-row.ts";
import type { Scalars } from "../finetune/model-with-loss.ts";
import type { TrainedWeight } from "../finetune/trained-weights.ts";

/**
 * Where things lie in the one float32 vector that ranks add up: each gradient, the loss and the
 * metrics, all multiplied by the number of examples, and that number.
 */
export interface VectorLayout {
  readonly length: number;
  /** Where each weight's gradient lies. */
  readonly gradients: readonly {
    readonly weight: string;
    readonly offset: number;
    readonly length: number;
    readonly shape: readonly number[];
  }[];
  readonly loss: number;
  readonly count: number;
  /** Offsets by the metric's name. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Lays out gradients one after the other, then loss, count and metrics. */
export function vectorLayout(
  weights: readonly TrainedWeight[],
  metrics: readonly string[],
): VectorLayout {
  let end = 0;
  const gradients = weights.map(({ name, dims }) => {
    const length = elements(dims);
    end += length;
    return { weight: name, offset: end - length, length, shape: dims };
  });
  return {
    length: end + 2 + metrics.length,
    gradients,
    loss: end,
    count: end + 1,
    metrics: Object.fromEntries(metrics.map((name, k) => [name, end + 2 + k])),
  };
}

/** What the vector is written from: gradients (none in an evaluation) and scalars, with their types. */
export interface VectorOf {
  readonly reached: readonly Weight[];
  readonly ports: Scalars;
  readonly typeOf: (scalar: string) => Type | null | undefined;
}

/** Writes the vector of one batch under a fresh name, which is returned. */
export function writeVector(written: Builder, { reached, ports, typeOf }: VectorOf): string {
  const { op, to, fresh } = written;
  const float = (name: string, dtype = "float") => to.cast(name, "float", dtype);
  const scalar = (name: string) => to.reshape(float(name, typeOf(name)?.dtype), [1]);
  const count = scalar(ports.examples);
  const gradients = reached.map(({ of, gradient }) => {
    const length = elements(of.dims);
    return to.reshape(float(gradient, of.dtype), [length]);
  });
  const weighted = [...gradients, scalar(ports.loss)];
  const metrics = Object.values(ports.metrics).map(scalar);
  const times = (parts: readonly string[]) =>
    op.Mul(parts.length === 1 ? parts[0] : op.Concat(parts, { axis: 0 }), count);
  const parts = [times(weighted), count, ...(metrics.length > 0 ? [times(metrics)] : [])];
  const name = fresh("vector");
  written.copy(op.Concat(parts, { axis: 0 }), name);
  return name;
}

/** Reads the mean gradient of each weight out of a sum of vectors, as float32. */
export function readGradients(
  { op, to, constant }: Builder,
  vector: string,
  { gradients, count }: VectorLayout,
): string[] {
  const sizes = gradients.map((part) => part.length);
  const own = sizes.reduce((a, b) => a + b, 0);
  const counted = to.slice(vector, [count], [count + 1], [0]);
  const none = to.cast(op.Equal(counted, constant("float", [1], [0])), "float");
  const means = op.Div(to.slice(vector, [0], [own], [0]), op.Add(counted, none));
  const parts = sizes.length === 1 ? [means] : to.split(means, sizes, 0);
  return parts.map((part, k) => to.reshape(part, gradients[k].shape));
}
