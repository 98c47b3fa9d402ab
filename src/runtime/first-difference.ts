import type { Tensor } from "onnxruntime-common";
import type { Graph, Node, Value } from "../graph/graph.ts";
import type { Types } from "../graph/types.ts";
import { dataTypeNamed } from "../onnx/data-types.ts";
import { compare, type Difference } from "./compare.ts";
import type { Counterpart } from "./counterparts.ts";
import { runnable, withOutputs } from "./runnable.ts";
import { type Ort, type Tensors, withSession } from "./session.ts";

/** A node as it stands in one of two models. */
export interface NodeReport {
  readonly name: string;
  readonly op: string;
  /** Names of the values it reads. */
  readonly inputs: readonly string[];
}

/** The first value of the same name that differs between two models, and the nodes that make it. */
export interface FirstDifference {
  readonly value: string;
  /** The exporter's scope, as the node's name tells it: "/layer1/layer1.0"; "" where it tells none. */
  readonly scope: string;
  readonly a: NodeReport;
  readonly b: NodeReport;
  readonly difference: Difference;
  /** Values that were compared up to here, this one included. */
  readonly compared: number;
}

/** Elements that are held at once, and values that one session gives. */
const ELEMENTS = 1 << 25;
const VALUES = 500;
/** What a dimension of which nothing is known is taken for. */
const UNKNOWN_DIM = 64;

/** One value to look at, the nodes that make it, and about how many elements it has. */
interface Tap {
  readonly value: Value;
  readonly pair: Counterpart;
  readonly elements: number;
}

/**
 * Runs both models with optimisations disabled and gives the first value, in the first model's
 * topological order, that is not the same in both bit for bit; null where none is to be seen.
 * Values that differ from run to run, and such that onnxruntime does not hand out, are left out.
 */
export async function firstDifference(
  ort: Ort,
  a: { readonly graph: Graph; readonly types: Types },
  b: Graph,
  pairs: readonly Counterpart[],
  feeds: readonly Tensors[],
  dims: Readonly<Record<string, number>>,
): Promise<FirstDifference | null> {
  const groups = batches(taps(a, pairs, dims));
  for (const feed of feeds) {
    let compared = 0;
    for (const group of groups) {
      const found = await firstOf(ort, a.graph, b, group, feed);
      if (found) return { ...found, compared: compared + found.compared };
      compared += group.length;
    }
  }
  return null;
}

function taps(
  { graph, types }: { graph: Graph; types: Types },
  pairs: readonly Counterpart[],
  dims: Readonly<Record<string, number>>,
): Tap[] {
  const inMain = pairs
    .filter(({ a }) => a.scope === graph.main)
    .sort((x, y) => x.a.index - y.a.index);
  return inMain.flatMap((pair) =>
    pair.a.outputs.flatMap((value) => {
      const type = value ? types.get(value) : undefined;
      const there = pair.b.outputs.some((other) => other?.name === value?.name);
      if (!value || !there || !type || !dataTypeNamed(type.dtype)?.ort) return [];
      const elements = (type.shape ?? [UNKNOWN_DIM]).reduce<number>(
        (n, dim) => n * (typeof dim === "number" ? dim : (dims[dim] ?? UNKNOWN_DIM)),
        1,
      );
      return [{ value, pair, elements }];
    }),
  );
}

function batches(all: readonly Tap[]): Tap[][] {
  const groups: Tap[][] = [];
  let room = 0;
  for (const tap of all) {
    if (groups.length === 0 || tap.elements > room || groups.at(-1)!.length >= VALUES) {
      groups.push([]);
      room = ELEMENTS;
    }
    groups.at(-1)!.push(tap);
    room -= tap.elements;
  }
  return groups;
}

async function firstOf(
  ort: Ort,
  a: Graph,
  b: Graph,
  group: readonly Tap[],
  feed: Tensors,
): Promise<FirstDifference | null> {
  const names = group.map(({ value }) => value.name);
  let runs: readonly Tensors[];
  try {
    runs = [...(await values(ort, a, names, feed, 2)), ...(await values(ort, b, names, feed, 1))];
  } catch (error) {
    // One value that cannot be an output must not hide the others.
    if (group.length === 1) return null;
    if (!(error instanceof Error)) throw error;
    const half = group.length >> 1;
    const early = await firstOf(ort, a, b, group.slice(0, half), feed);
    if (early) return early;
    const late = await firstOf(ort, a, b, group.slice(half), feed);
    return late && { ...late, compared: late.compared + half };
  }
  const [once, again, other] = runs;
  for (const [k, { value, pair }] of group.entries()) {
    const { name } = value;
    const difference = compare(once[name], other[name]);
    if (difference.bitEqual || !compare(once[name], again[name]).bitEqual) continue;
    return {
      value: name,
      scope: scopeOf(pair.a),
      a: reportOf(pair.a),
      b: reportOf(pair.b),
      difference,
      compared: k + 1,
    };
  }
  return null;
}

/** Values of the main graph in runs of one session. */
const values = (ort: Ort, graph: Graph, names: string[], feed: Tensors, times: number) =>
  withSession(ort, runnable(withOutputs(graph.file, names)), "disabled", async (session) => {
    const runs: Tensors[] = [];
    for (let k = 0; k < times; k++)
      runs.push(await session.run(feed as Record<string, Tensor>, names));
    return runs;
  });

const scopeOf = ({ message }: Node) => message.name.split("/").slice(0, -1).join("/");

const reportOf = (node: Node): NodeReport => ({
  name: node.message.name,
  op: node.op,
  inputs: node.message.inputs,
});
