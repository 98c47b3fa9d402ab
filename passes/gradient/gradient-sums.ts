import type { Builder } from "../../src/graph/builder.ts";
import type { Value } from "../../src/graph/graph.ts";
import { type Cotangents, cotangents, type ScaledCotangent } from "./cotangents.ts";

/** The cotangents of values, summed over their readers on first use. */
export interface Sums extends Cotangents {
  /** Adds one reader's contribution to a value's cotangent. */
  add(value: Value, part: ScaledCotangent): void;
  /** Returns a value's cotangent with its pending factor; null if none reaches the value. */
  of(value: Value): ScaledCotangent | null;
  /** Returns the name of a value's cotangent itself. */
  wholeOf(value: Value): string | null;
  /** Returns a root's cotangent under its own name, "weight.grad". */
  gradientOf(root: Value): string | null;
  /** Returns the new names, "value.grad", by the names that were written. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** Starts with the cotangents of the ends, which keep their names. */
export function gradientSums(
  builder: Builder,
  ends: ReadonlyMap<Value, string>,
  {
    dtypeOf,
    sizesOf,
    isTrained,
  }: {
    readonly dtypeOf: (value: Value) => string;
    readonly sizesOf: (value: Value) => readonly number[] | null;
    /** Whether a value of the graph depends on a weight. */
    readonly isTrained: (name: string) => boolean;
  },
): Sums {
  const { op, about, fresh } = builder;
  const { taken, sum, whole, uncopied } = cotangents(builder, isTrained);
  const parts = new Map<Value, ScaledCotangent[]>(
    [...ends].map(([value, g]) => [value, [{ g, times: 1 }]]),
  );
  const sums = new Map<Value, ScaledCotangent>();
  const given = new Set(ends.values());
  const namesakes = new Map<string, Value>();
  const renamed = new Map<string, string>();
  const nameAfter = (value: Value, g: string) => {
    if (given.has(g) || namesakes.has(g)) return;
    namesakes.set(g, value);
    renamed.set(g, fresh(`${value.name}.grad`));
  };
  const of = (value: Value): ScaledCotangent | null => {
    const known = sums.get(value);
    const list = parts.get(value);
    if (known !== undefined || !list) return known ?? null;
    about(`${value.name}.grad`);
    const total = sum(list, dtypeOf(value), sizesOf(value));
    if (total.times === 1) nameAfter(value, total.g);
    sums.set(value, total);
    return total;
  };
  const wholeOf = (value: Value): string | null => {
    const scaled = of(value);
    return scaled && whole(scaled, dtypeOf(value));
  };
  return {
    taken,
    sum,
    whole,
    uncopied,
    of,
    wholeOf,
    renamed,
    add: (value, part) => {
      const list = parts.get(value);
      if (list) list.push(part);
      else parts.set(value, [part]);
    },
    gradientOf: (root) => {
      const g = wholeOf(root);
      if (g === null || namesakes.get(g) === root) return g;
      const copy = op.Identity(g);
      nameAfter(root, copy);
      return copy;
    },
  };
}
