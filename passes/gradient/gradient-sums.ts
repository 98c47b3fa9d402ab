import { groupBy } from "../../src/entry.ts";
import type { Builder } from "../../src/graph/builder.ts";
import { knownSizes, type Types, type Value } from "../../src/graph/graph.ts";
import { range } from "../../src/onnx/dtypes.ts";
import type { NewNode } from "../../src/onnx/new-node.ts";
import { asOneConvolution, withSum } from "./convolution-sums.ts";
import { holds, type WrittenValues, writtenValues } from "./written-values.ts";

interface ScaledCotangent {
  readonly g: string;
  readonly times: number;
}

interface Summed {
  readonly types: Types;
  readonly dtypeOf: (value: Value) => string;
  /** Whether a value depends on a weight. */
  readonly isTrained: (name: string) => boolean;
}

/**
 * Beyond this bound, a pending factor or its inverse would bring numbers near the end of their
 * range.
 */
const FARTHEST = 2 ** 24;
const isNear = (factor: number) => Math.abs(factor) <= FARTHEST && Math.abs(factor) >= 1 / FARTHEST;

/**
 * The cotangents of values, summed over their readers on first use. Defers constant factors until
 * cotangents with different ones are added, as at a residual connection, which is narrow if a branch is
 * wide. Leaves the copies in the gradient of a mean to the broadcasting of Add. Unused results are
 * dropped.
 */
export class GradientSums {
  /** The new names, "value.grad", by the names that were written. */
  readonly renamed = new Map<string, string>();
  readonly #builder: Builder;
  readonly #written: WrittenValues;
  readonly #known: Summed;
  readonly #parts = new Map<Value, ScaledCotangent[]>();
  readonly #sums = new Map<Value, ScaledCotangent>();
  readonly #given: ReadonlySet<string>;
  readonly #namesakes = new Map<string, Value>();

  /** Starts with the cotangents of the ends, which keep their names. */
  constructor(builder: Builder, ends: ReadonlyMap<Value, string>, known: Summed) {
    this.#builder = builder;
    this.#written = writtenValues(builder);
    this.#known = known;
    this.#given = new Set(ends.values());
    for (const [value, g] of ends) this.add(value, { g, times: 1 });
  }

  /** Removes constant factors from a cotangent with a `held` factor; rules are linear in it. */
  taken(g: string, dtype: string, held: number): ScaledCotangent {
    const { makerOf } = this.#written;
    let [at, times] = [g, 1];
    for (let node = makerOf(at); holds(dtype) && node; node = makerOf(at)) {
      const next = times * this.#factorOf(node);
      if (!isNear(next) || !isNear(next * held)) break;
      [at, times] = [node.inputs[0], next];
    }
    return { g: at, times: times * held };
  }

  /** Writes a cotangent itself. */
  whole({ g, times }: ScaledCotangent, dtype: string): string {
    const { op, constant } = this.#builder;
    return times === 1 ? g : times === -1 ? op.Neg(g) : op.Mul(g, constant(dtype, [], [times]));
  }

  /** Returns what a cotangent repeats, which an operator that broadcasts can read; itself by default. */
  uncopied(g: string): string {
    return this.#isCopy(g) ? this.#written.makerOf(g)!.inputs[0] : g;
  }

  /** Adds one reader's contribution to a value's cotangent. */
  add(value: Value, part: ScaledCotangent): void {
    const parts = this.#parts.get(value);
    if (parts) parts.push(part);
    else this.#parts.set(value, [part]);
  }

  /** Returns a value's cotangent with its pending factor; null if none reaches the value. */
  of(value: Value): ScaledCotangent | null {
    const known = this.#sums.get(value);
    const parts = this.#parts.get(value);
    if (known !== undefined || !parts) return known ?? null;
    this.#builder.about(`${value.name}.grad`);
    const total = this.#sum(parts, value);
    if (total.times === 1) this.#nameAfter(value, total.g);
    this.#sums.set(value, total);
    return total;
  }

  /** Returns the name of a value's cotangent itself. */
  wholeOf(value: Value): string | null {
    const scaled = this.of(value);
    return scaled && this.whole(scaled, this.#known.dtypeOf(value));
  }

  /** Returns a root's cotangent under its own name, "weight.grad". */
  gradientOf(root: Value): string | null {
    const g = this.wholeOf(root);
    if (g === null || this.#namesakes.get(g) === root) return g;
    const copy = this.#builder.op.Identity(g);
    this.#nameAfter(root, copy);
    return copy;
  }

  #factorOf({ op, inputs: [, b] }: NewNode): number {
    if (op === "Neg") return -1;
    if (op === "Mul") return this.#written.numberOf(b);
    return op === "Div" ? 1 / this.#written.numberOf(b) : Number.NaN;
  }

  #isCopy(g: string): boolean {
    return this.#written.makerOf(g)?.op === "Expand";
  }

  #sum(parts: readonly ScaledCotangent[], value: Value): ScaledCotangent {
    const { types, dtypeOf } = this.#known;
    const [dtype, sizes] = [dtypeOf(value), knownSizes(types, value)];
    const byFactor = [...groupBy(parts, ({ times }) => times)].map(
      ([times, all]) => [times, all.map(({ g }) => g)] as const,
    );
    const [[common, own], ...rest] = byFactor.sort(([, a], [, b]) => b.length - a.length);
    const relative = (g: string, times: number) => this.whole({ g, times: times / common }, dtype);
    const names = parts.map(({ g }) => g);
    const cut = sizes && piecesInOrder(this.#written, names, sizes);
    if (cut) {
      const pieces = cut.pieces.map(({ value, part }) => relative(value, parts[part].times));
      return { g: this.#builder.op.Concat(pieces, { axis: cut.axis }), times: common };
    }
    const image = dtype === "float" && sizes?.length === 4 ? sizes : null;
    const scaled = rest.map(([times, addends]) => relative(this.#added(addends, image), times));
    return { g: this.#added([...own, ...scaled], image), times: common };
  }

  /** `image` is the shape of an image in single precision. */
  #added(addends: readonly string[], image: readonly number[] | null): string {
    const written = { ...this.#written, isTrained: this.#known.isTrained };
    const isCopy = (g: string) => this.#isCopy(g);
    let whole: readonly string[] = addends.filter((g) => !isCopy(g));
    for (const join of image ? [asOneConvolution, withSum] : [])
      whole = join(this.#builder, written, whole, image!);
    const [first, ...others] = [...whole, ...addends.filter(isCopy)];
    return others.reduce((sum, g) => this.#builder.op.Add(sum, this.uncopied(g)), first);
  }

  #nameAfter(value: Value, g: string): void {
    if (this.#given.has(g) || this.#namesakes.has(g)) return;
    this.#namesakes.set(g, value);
    this.renamed.set(g, this.#builder.fresh(`${value.name}.grad`));
  }
}

/** A piece of a value along one axis, with zeros before and after it. */
interface Piece {
  readonly value: string;
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

/** Returns the piece that a Pad puts between zeros along one axis; null for any other value. */
function pieceOf({ makerOf, intsOf }: WrittenValues, name: string): Piece | null {
  const node = makerOf(name);
  if (node?.op !== "Pad" || node.inputs.length > 2 || "mode" in node.attributes) return null;
  const pads = node.inputs[1] ? intsOf(node.inputs[1]) : null;
  if (!pads || pads.some((count) => count < 0)) return null;
  const rank = pads.length / 2;
  const axes = range(rank).filter((axis) => pads[axis] !== 0 || pads[axis + rank] !== 0);
  if (axes.length !== 1) return null;
  const [axis] = axes;
  return { value: node.inputs[0], axis, before: pads[axis], after: pads[axis + rank] };
}

/**
 * Returns the pieces whose sum, each between zeros, is their concatenation, in order, and the axis:
 * the cotangents of the parts into which a value of these sizes was cut. Null if they leave a gap or
 * overlap.
 */
function piecesInOrder(written: WrittenValues, parts: readonly string[], sizes: readonly number[]) {
  const pieces = parts.map((part) => pieceOf(written, part));
  if (pieces.length < 2 || pieces.includes(null)) return null;
  const numbered = (pieces as Piece[]).map((piece, part) => ({ ...piece, part }));
  const inOrder = numbered.sort((a, b) => a.before - b.before);
  const [{ axis }] = inOrder;
  const size = sizes[axis];
  let end = 0;
  for (const piece of inOrder) {
    if (piece.axis !== axis || piece.before !== end) return null;
    end = size - piece.after;
  }
  return end === size ? { pieces: inOrder, axis } : null;
}
