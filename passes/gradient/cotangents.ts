import type { Builder } from "../../src/graph/builder.ts";
import { numbersOfData } from "../../src/graph/constants.ts";
import { decodeNumbers } from "../../src/graph/tensor.ts";
import type { NewNode } from "../../src/onnx/new-node.ts";
import { asOneConvolution } from "./convolution-sums.ts";
import { piecesInOrder } from "./disjoint.ts";

/** A cotangent, with a pending constant factor. */
export interface ScaledCotangent {
  readonly g: string;
  readonly times: number;
}

/** Operations that write cotangents only when necessary. */
export interface Cotangents {
  /** Removes constant factors from a cotangent with a `held` factor; rules are linear in it. */
  readonly taken: (g: string, dtype: string, held: number) => ScaledCotangent;
  /** Sums the parts from several readers of a value of these sizes; null if one is unknown. */
  readonly sum: (
    parts: readonly ScaledCotangent[],
    dtype: string,
    sizes: readonly number[] | null,
  ) => ScaledCotangent;
  /** Writes the cotangent itself. */
  readonly whole: (scaled: ScaledCotangent, dtype: string) => string;
  /** Returns what a cotangent repeats, which an operator that broadcasts can read; itself by default. */
  readonly uncopied: (g: string) => string;
}

/**
 * Beyond this bound, a pending factor or its inverse would bring numbers near the end of their
 * range.
 */
const FARTHEST = 2 ** 24;
const isNear = (factor: number) => Math.abs(factor) <= FARTHEST && Math.abs(factor) >= 1 / FARTHEST;

/**
 * Defers constant factors until cotangents with different ones are added, as at a residual
 * connection, which is narrow if a branch is wide. Leaves the copies in the gradient of a mean to
 * the broadcasting of Add. Unused results are dropped.
 */
export function cotangents(builder: Builder, isTrained: (name: string) => boolean): Cotangents {
  const { op, constant } = builder;
  const { makerOf, numberOf, intsOf } = written(builder);
  const factorOf = ({ op, inputs: [, b] }: NewNode): number => {
    if (op === "Neg") return -1;
    if (op === "Mul") return numberOf(b);
    return op === "Div" ? 1 / numberOf(b) : Number.NaN;
  };
  const taken = (g: string, dtype: string, held: number): ScaledCotangent => {
    let [at, times] = [g, 1];
    for (let node = makerOf(at); holds(dtype) && node; node = makerOf(at)) {
      const next = times * factorOf(node);
      if (!isNear(next) || !isNear(next * held)) break;
      [at, times] = [node.inputs[0], next];
    }
    return { g: at, times: times * held };
  };
  const whole = ({ g, times }: ScaledCotangent, dtype: string) =>
    times === 1 ? g : times === -1 ? op.Neg(g) : op.Mul(g, constant(dtype, [], [times]));
  const isCopy = (g: string) => makerOf(g)?.op === "Expand";
  const uncopied = (g: string) => (isCopy(g) ? makerOf(g)!.inputs[0] : g);
  const add = (given: readonly string[], sizes: readonly number[] | null): string => {
    const joined = asOneConvolution(builder, { makerOf, intsOf, isTrained }, given, sizes);
    const [first, ...others] = [...joined.filter((g) => !isCopy(g)), ...joined.filter(isCopy)];
    return others.reduce((sum, g) => op.Add(sum, uncopied(g)), first);
  };
  const sum: Cotangents["sum"] = (parts, dtype, sizes) => {
    const byFactor = new Map<number, string[]>();
    for (const { g, times } of parts) byFactor.set(times, [...(byFactor.get(times) ?? []), g]);
    const [[common], ...rest] = [...byFactor].sort(([, a], [, b]) => b.length - a.length);
    const relative = (g: string, times: number) => whole({ g, times: times / common }, dtype);
    const names = parts.map(({ g }) => g);
    const cut = sizes && piecesInOrder({ makerOf, intsOf }, names, sizes);
    if (cut) {
      const pieces = cut.pieces.map(({ value, part }) => relative(value, parts[part].times));
      return { g: op.Concat(pieces, { axis: cut.axis }), times: common };
    }
    const scaled = rest.map(([times, summands]) => relative(add(summands, sizes), times));
    return { g: add([...byFactor.get(common)!, ...scaled], sizes), times: common };
  };
  return { taken, sum, whole, uncopied };
}

/** Reads the nodes and constants that were written so far. */
function written(builder: Builder) {
  const makers = new Map<string, NewNode>();
  const numbers = new Map<string, number>();
  const lists = new Map<string, readonly number[]>();
  let [nodes, tensors] = [0, 0];
  const readTensors = () => {
    for (; tensors < builder.tensors.length; tensors++) {
      const { name, dtype, dims, data } = builder.tensors[tensors];
      if (dims.length === 0 && holds(dtype)) numbers.set(name, decodeNumbers(dtype, data)[0]);
      if (dims.length === 1 && dtype === "int64") lists.set(name, numbersOfData(dtype, data)!);
    }
  };
  return {
    /** Returns the node that makes a value. */
    makerOf(name: string): NewNode | undefined {
      for (; nodes < builder.nodes.length; nodes++) {
        const { node } = builder.nodes[nodes];
        makers.set(node.outputs[0], node);
      }
      return makers.get(name);
    },
    /** Returns a scalar constant; NaN for another value. */
    numberOf(name: string): number {
      readTensors();
      return numbers.get(name) ?? Number.NaN;
    },
    /** Returns a constant list of integers; null for another value. */
    intsOf(name: string): readonly number[] | null {
      readTensors();
      return lists.get(name) ?? null;
    },
  };
}

/** Types wide enough to defer a factor. */
const holds = (dtype: string) => dtype === "float" || dtype === "double";
