import type { Tensor } from "onnxruntime-common";
import type { Graph, Value } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { own } from "../graph/own.ts";
import type { ScopeStep } from "../graph/scopes.ts";
import { dataTypeNamed, elements, type Type } from "../onnx/dtypes.ts";
import { type Exposed, expose } from "../ort/expose.ts";
import { withFixedSeeds } from "../ort/fixed-seeds.ts";
import { runnable } from "../ort/loading.ts";
import { type Ort, runFor, type Tensors, withSession } from "../ort/session.ts";
import { compareTensors, type Difference } from "./difference.ts";
import type { Counterpart } from "./matching.ts";

/** Maximum number of elements held at once, and of values that one session returns. */
const ELEMENTS = 1 << 25;
const VALUES = 500;
/** The size assumed for an unknown dimension. */
const UNKNOWN_DIM = 64;

/** The input and state of the search. */
export interface ScopeSearch {
  readonly ort: Ort;
  readonly feed: Tensors;
  readonly dims: Readonly<Record<string, number>>;
  readonly pairs: readonly Counterpart[];
  /** Known types of the first model's values. */
  readonly types: Map<Value, Type>;
}

/** A scope of a model, given by the steps from the main graph. */
interface ScopePath {
  readonly graph: Graph;
  readonly path: readonly ScopeStep[];
}

/** The same scope in both models. */
export type ScopePair = readonly [ScopePath, ScopePath];

/** The first value that differs. */
export interface Found {
  readonly pair: Counterpart;
  readonly value: string;
  readonly difference: Difference;
  /** Number of values compared so far, this one included. */
  readonly compared: number;
  /** The iteration of the enclosing loops in which it first differs. */
  readonly round: number;
}

/** A value that both models make under one name, and its approximate number of elements. */
interface SharedValue {
  readonly name: string;
  readonly dtype: string | null;
  readonly pair: Counterpart;
  readonly elements: number;
}

/** Returns the number of loops around a scope, each of which stacks what it gives. */
const loopsAround = ([{ path }]: ScopePair) =>
  path.filter(({ node }) => hasFact(node.op, "loop")).length;

/** Returns the pairs of nodes in a scope, in the first model's order. */
export function pairsIn({ pairs }: ScopeSearch, [a, b]: ScopePair): Counterpart[] {
  const [x, y] = [a, b].map(({ graph, path }) => path.at(-1)?.scope ?? graph.main);
  const inside = pairs.filter((pair) => pair.a.scope === x && pair.b.scope === y);
  return inside.sort((p, q) => p.a.index - q.a.index);
}

function sharedValues(search: ScopeSearch, scopes: ScopePair): SharedValue[] {
  const { types, dims } = search;
  return pairsIn(search, scopes).flatMap((pair) =>
    pair.a.outputs.flatMap((value) => {
      const type = value ? types.get(value) : undefined;
      const there = pair.b.outputs.some((other) => other?.name === value?.name);
      // In the main graph, a value without a type is not a tensor; in bodies, types may be unknown.
      const known = type ? dataTypeNamed(type.dtype)?.ort : pair.a.scope.kind !== "main";
      if (!value || !there || !known) return [];
      const elements = (type?.shape ?? [UNKNOWN_DIM]).reduce<number>(
        (n, dim) => n * (typeof dim === "number" ? dim : (own(dims, dim) ?? UNKNOWN_DIM)),
        UNKNOWN_DIM ** loopsAround(scopes),
      );
      return [{ name: value.name, dtype: type?.dtype ?? null, pair, elements }];
    }),
  );
}

const earlier = (a: Found | null, b: Found | null) => (a && (!b || a.round <= b.round) ? a : b);

/**
 * Finds the first of some values of a scope, in the first model's topological order, that is not
 * bit-identical in both models; inside loops, the first in the earliest iteration. Skips values
 * that differ from run to run, and those that onnxruntime cannot output. Returns null if there is
 * none. Searches values together; in halves if they are too many or one cannot be an output.
 */
export async function firstInScope(
  search: ScopeSearch,
  scopes: ScopePair,
  values = sharedValues(search, scopes),
): Promise<Found | null> {
  const elements = values.reduce((sum, value) => sum + value.elements, 0);
  if (values.length <= 1 || (values.length <= VALUES && elements <= ELEMENTS))
    try {
      return await firstTogether(search, scopes, values);
    } catch (error) {
      if (values.length <= 1) return null;
      if (!(error instanceof Error)) throw error;
    }
  const half = values.length >> 1;
  const first = await firstInScope(search, scopes, values.slice(0, half));
  if (first && loopsAround(scopes) === 0) return first;
  const late = await firstInScope(search, scopes, values.slice(half));
  return earlier(first, late && { ...late, compared: late.compared + half });
}

/** Searches values in one session of each model. Throws if onnxruntime cannot output them. */
async function firstTogether(
  { ort, feed }: ScopeSearch,
  scopes: ScopePair,
  values: readonly SharedValue[],
): Promise<Found | null> {
  const [a, b] = scopes.map(({ graph, path }) => expose(graph, path, values));
  const once = await run(ort, a, feed);
  const other = await run(ort, b, feed);
  const differences = once.map((tensor, k) => compareTensors(tensor, other[k]));
  if (differences.every(({ bitEqual }) => bitEqual)) return null;
  const again = await run(ort, a, feed);
  const loops = loopsAround(scopes);
  let first: Found | null = null;
  for (const [k, { name, pair }] of values.entries()) {
    const difference = differences[k];
    if (difference.bitEqual || !compareTensors(once[k], again[k]).bitEqual) continue;
    const round = loops === 0 ? 0 : roundOf(once[k], other[k], loops);
    first = earlier(first, { value: name, pair, difference, compared: k + 1, round });
  }
  return first;
}

/** Runs a model in its own session, in which it draws the same random numbers as in any other. */
async function run(ort: Ort, exposed: Exposed | null, feed: Tensors): Promise<Tensor[]> {
  if (!exposed) throw new Error("these values cannot be exposed");
  const { file, outputs } = exposed;
  return withSession(ort, runnable(withFixedSeeds(file)), "disabled", async (session) => {
    const results = await runFor(session, feed, [...outputs]);
    return outputs.map((name) => results[name]);
  });
}

/** Returns the iterations in which two stacks first differ, one for each leading axis. */
function roundOf(a: Tensor, b: Tensor, loops: number): number {
  const block = (dims: readonly number[]) => elements(dims.slice(loops));
  if (block(a.dims) !== block(b.dims)) return 0;
  const [x, y] = [a.data, b.data] as ArrayLike<unknown>[];
  const length = Math.min(x.length, y.length);
  let k = 0;
  while (k < length && Object.is(x[k], y[k])) k++;
  return Math.floor(k / Math.max(1, block(a.dims)));
}
