import type { Graph, Node, Value } from "../graph/graph.ts";
import { type Step, stepsInto } from "../graph/path.ts";
import type { Types } from "../graph/types.ts";
import { told } from "../infer/segment.ts";
import type { Type } from "../onnx/shape.ts";
import { expose, withOutputs } from "../ort/expose.ts";
import type { Ort, Tensors } from "../ort/session.ts";
import { attributeDifferences } from "./attributes.ts";
import type { Difference } from "./difference.ts";
import { titleOf } from "./finding.ts";
import { type Found, firstAmong, type Opening } from "./first-among.ts";
import { typesOfInputs } from "./inside.ts";
import type { Counterpart } from "./matching.ts";

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
  /** The bodies and functions it stands in, outermost first: "then_branch of /If (If)". */
  readonly inside: readonly string[];
  readonly a: NodeReport;
  readonly b: NodeReport;
  /** Null where the values inside cannot be seen: these nodes are the first to be written differently. */
  readonly difference: Difference | null;
  /** Values of the main graph that were compared up to here, this one included. */
  readonly compared: number;
}

/** One of the two models, and the way into it. */
interface Side {
  readonly graph: Graph;
  readonly way: readonly Step[];
}

/** Operators whose bodies run in rounds. */
const LOOPS = new Set(["Loop", "Scan"]);

/**
 * Runs both models with optimisations disabled and gives the first value, in the first model's
 * topological order, that is not the same in both bit for bit; null where none is to be seen. Where
 * a node with bodies or the call of a function makes it, it is looked for in there. Values that
 * differ from run to run, and such that onnxruntime does not hand out, are left out.
 */
export async function firstDifference(
  ort: Ort,
  a: { readonly graph: Graph; readonly types: Types },
  b: Graph,
  pairs: readonly Counterpart[],
  feeds: readonly Tensors[],
  dims: Readonly<Record<string, number>>,
): Promise<FirstDifference | null> {
  const opening =
    ({ file }: Graph): Opening =>
    (names) => ({ file: withOutputs(file, names), outputs: names });
  const both = [opening(a.graph), opening(b)] as const;
  const inMain = pairs.filter((pair) => pair.a.scope === a.graph.main);
  for (const feed of feeds) {
    const found = await firstAmong(ort, both, inMain, a.types, 0, feed, dims);
    if (found) {
      const sides: [Side, Side] = [
        { graph: a.graph, way: [] },
        { graph: b, way: [] },
      ];
      const deepest = await inside(ort, sides, pairs, new Map(a.types), found, feed);
      return { ...deepest, compared: found.compared };
    }
  }
  return null;
}

type Located = Omit<FirstDifference, "compared">;

/** Follows a difference into the bodies of the node that makes it, as deep as it can be seen. */
async function inside(
  ort: Ort,
  [a, b]: readonly [Side, Side],
  pairs: readonly Counterpart[],
  types: Map<Value, Type>,
  found: Found,
  feed: Tensors,
): Promise<Located> {
  const [left, right] = [stepsInto(found.pair.a), stepsInto(found.pair.b)];
  let written: Located | null = null;
  for (const [k, step] of left.entries()) {
    const other = right[k];
    if (!other) continue;
    const within = pairs.filter(
      (pair) => pair.a.scope === step.scope && pair.b.scope === other.scope,
    );
    const sides: [Side, Side] = [
      { graph: a.graph, way: [...a.way, step] },
      { graph: b.graph, way: [...b.way, other] },
    ];
    await addTypes(ort, a.graph, step, types);
    const dtypeOf = (name: string) => types.get(step.scope.values.get(name)!)?.dtype ?? null;
    const [openA, openB] = sides.map(
      ({ graph, way }): Opening =>
        (names) =>
          expose(
            graph,
            way,
            names.map((name) => ({ name, dtype: dtypeOf(name) })),
          ),
    );
    const loops = sides[0].way.filter(({ node }) => LOOPS.has(node.op)).length;
    const deeper = await firstAmong(ort, [openA, openB], within, types, loops, feed);
    if (deeper) return inside(ort, sides, pairs, types, deeper, feed);
    written ??= writtenDifferently(sides, within);
  }
  return written ?? located(a.way, found.pair, found.value, found.difference);
}

/** Adds the types of what stands in a body, where onnxruntime tells them. */
async function addTypes(
  ort: Ort,
  graph: Graph,
  step: Step,
  types: Map<Value, Type>,
): Promise<void> {
  const known = (value: Value) => types.get(value) ?? null;
  for (const [value, type] of typesOfInputs(step, known)) types.set(value, type);
  try {
    const { found } = await told(ort, graph, step.scope.nodes, known, []);
    for (const [value, type] of found) types.set(value, type);
  } catch {
    // Without types an If does not hand out what is in it.
  }
}

/** The first of the nodes that have other inputs, attributes or operators in the second model. */
function writtenDifferently(
  [a, b]: readonly [Side, Side],
  pairs: readonly Counterpart[],
): Located | null {
  const ordered = [...pairs].sort((x, y) => x.a.index - y.a.index);
  const differing = ordered.find(
    (pair) =>
      pair.a.message.inputs.join("\0") !== pair.b.message.inputs.join("\0") ||
      attributeDifferences(a.graph.file, b.graph.file, pair).length > 0,
  );
  const value = differing?.a.outputs.find(Boolean)?.name;
  return differing && value ? located(a.way, differing, value, null) : null;
}

const located = (
  way: readonly Step[],
  pair: Counterpart,
  value: string,
  difference: Difference | null,
): Located => ({
  value,
  scope: pair.a.message.name.split("/").slice(0, -1).join("/"),
  inside: way.map(({ node, part }) => `${part} of ${titleOf(node)}`),
  a: reportOf(pair.a),
  b: reportOf(pair.b),
  difference,
});

const reportOf = (node: Node): NodeReport => ({
  name: node.message.name,
  op: node.op,
  inputs: node.message.inputs,
});
