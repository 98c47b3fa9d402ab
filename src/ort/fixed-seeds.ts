import { buildGraph } from "../graph/build.ts";
import { type Builder, newBuilder } from "../graph/builder.ts";
import { attribute, type Node } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { patchedFile } from "../graph/patch.ts";
import { graphNodes } from "../graph/scopes.ts";
import { allGraphs } from "../onnx/all-tensors.ts";
import { dataTypeNamed, elements } from "../onnx/dtypes.ts";
import type { NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { float } from "../onnx/new-node.ts";

const draws = (node: NodeMessage) =>
  node.domain === "" && (hasFact(node.opType, "random") || drops(node));

/** Whether a node drops values if its third input enables training. */
const drops = ({ opType, inputs }: NodeMessage) => opType === "Dropout" && Boolean(inputs[TRAINS]);

/** The input of a Dropout that enables training. */
const TRAINS = 2;

function* drawing(file: ModelFile): Generator<NodeMessage> {
  for (const { nodes } of [...allGraphs(file), ...file.message.functions])
    yield* nodes.filter(draws);
}

/** Whether a model draws at random, with a fixed seed or not. */
export const isRandom = (file: ModelFile) => !drawing(file).next().done;

/**
 * Returns a model that draws the same random numbers in every session. All nodes that draw have the
 * same seed, so that a rewritten model draws the same numbers. A Dropout in training mode drops
 * nothing, because it would hide every difference. Returns the same model if nothing changes.
 */
export function withFixedSeeds(file: ModelFile): ModelFile {
  const nodes = [...drawing(file)];
  const attributes = nodes
    .filter((node) => !drops(node) && !node.attributes.some(({ name }) => name === "seed"))
    .map((message) => ({ node: { message }, name: "seed", value: float(1) }));
  const redirects = nodes
    .filter(drops)
    .map((message) => ({ use: { node: { message } as Node, index: TRAINS }, name: "" }));
  return patchedFile(file, { attributes, redirects });
}

/** The first opset with Range and CastLike. */
const FIRST = 15;

/**
 * Replaces even and normal draws by numbers of the same range that depend only on their place. So
 * every run gives the same, while draws continue from run to run. Other random operators still draw.
 */
export function withoutDraws(file: ModelFile): ModelFile {
  if (!isRandom(file) || file.opset < FIRST) return file;
  const graph = buildGraph(file);
  const removed = graphNodes(graph).filter(({ op }) => hasFact(op, "normal", "uniform"));
  const b = newBuilder(graph, "place");
  for (const [k, node] of removed.entries()) {
    b.about("place", node);
    b.copy(standIn(b, node, k), node.message.outputs[0]);
  }
  return patchedFile(file, { ...b, removed });
}

/** Writes what stands for a node's draws: the fractions of a sine of their place. */
function standIn({ op, constant, custom }: Builder, node: Node, k: number): string {
  const number = (value: number) => constant("float", [], [value]);
  const int = (value: number) => constant("int64", [], [value]);
  const given = (name: string, value: number) => attribute(node, name)?.f ?? value;
  const [like] = node.inputs;
  const dims = attribute(node, "shape")?.ints ?? [];
  const [size, shape] = like
    ? [op.Size(like.name), op.Shape(like.name)]
    : [int(elements(dims)), constant("int64", [dims.length], dims)];
  const place = op.Cast(op.Range(int(0), size, int(1)), { to: FLOAT });
  const wave = op.Mul(op.Sin(op.Mul(op.Add(place, number(k)), number(12.9898))), number(43758.547));
  const even = op.Sub(wave, op.Floor(wave));
  const [low, width] = hasFact(node.op, "normal")
    ? [given("mean", 0) - given("scale", 1) * Math.sqrt(3), given("scale", 1) * Math.sqrt(12)]
    : [given("low", 0), given("high", 1) - given("low", 0)];
  const drawn = op.Reshape(op.Add(op.Mul(even, number(width)), number(low)), shape);
  const to = attribute(node, "dtype")?.i ?? (like ? null : FLOAT);
  return to === null ? custom("CastLike", [drawn, like!.name])[0] : op.Cast(drawn, { to });
}

const FLOAT = dataTypeNamed("float")!.number;
