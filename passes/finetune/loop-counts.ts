import type { InferenceSession } from "onnxruntime-common";
import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import type { Graph, Node, Value } from "../../src/graph/graph.ts";
import { patchedBytes } from "../../src/graph/patch.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { runnable } from "../../src/ort/loading.ts";
import { type Ort, openSession, runBatch, type Tensors } from "../../src/ort/session.ts";
import { weightsAsInputs } from "../adapter/weights.ts";
import { dependsOnData } from "../lower/iterations.ts";
import { joined, port } from "./ports.ts";
import type { TrainedTerm } from "./terms.ts";

/**
 * Loops whose number of iterations depends on the data or on a condition. The number is measured
 * for each batch and becomes the size of an input. A step graph is made for inputs of fixed sizes, so
 * the iterations can then be written out.
 */
export interface LoopCounts {
  /** The model with these inputs, one for each such Loop. */
  readonly model: Model;
  /** Returns a batch with these inputs, for weights as they are. */
  in(batch: Tensors, weights: Tensors): Promise<Tensors>;
  /** Releases its session. */
  close(): Promise<void>;
}

/** Makes the inputs for the Loops that a model's losses are computed from. */
export function loopCounts(
  given: Model,
  ort: Ort,
  trained: readonly string[],
  terms: readonly TrainedTerm[],
): LoopCounts {
  const { graph, file } = given;
  const loops = loopsBehind(graph, terms);
  if (loops.length === 0)
    return { model: given, in: async (batch) => batch, close: async () => {} };
  const written = newBuilder(graph, "iterations");
  const names = loops.map((node) => written.fresh(`${node.outputs[0]?.name}.iterations`));
  const patches = loops.map((node, k) => counted(written, node, names[k]));
  const patch = joined(written, ...patches);
  let opened: Promise<InferenceSession> | null = null;
  const open = () => {
    const measured = modelOf(patchedBytes(file, measuring(graph, loops, names)));
    return openSession(ort, runnable(weightsAsInputs(measured, trained).file), "all");
  };
  return {
    model: modelOf(patchedBytes(file, patch)),
    async in(batch, weights) {
      opened ??= open();
      const session = await opened;
      const all: Tensors = { ...batch, ...weights };
      const feeds = Object.fromEntries(session.inputNames.map((name) => [name, all[name]]));
      const measured = await runBatch(session, feeds, "the model's Loops");
      const inputs = names.map((name) => {
        const [size] = measured[name].dims;
        return [name, new ort.Tensor("bool", new Uint8Array(size), [size])];
      });
      return { ...batch, ...Object.fromEntries(inputs) };
    },
    async close() {
      await (await opened)?.release();
      opened = null;
    },
  };
}

/** The Loops behind what the losses read, whose number of iterations depends on the data. */
function loopsBehind({ main }: Graph, terms: readonly TrainedTerm[]): Node[] {
  const named = terms.flatMap(({ output, chosen: { loss, options } }) => [
    output,
    ...(loss.others ?? []).map((option) => String(options[option])),
  ]);
  const ends = named.map((name) => (name === null ? main.outputs : (main.values.get(name) ?? [])));
  const behind = new Set<Value | null>(walk(ends.flat(), sourcesOf));
  const isRead = ({ outputs }: Node) => outputs.some((output) => behind.has(output));
  return main.nodes.filter((node) => isRead(node) && dependsOnData(node));
}

/** The numbers of all iterations of each Loop as the only outputs. */
function measuring(graph: Graph, loops: readonly Node[], names: readonly string[]): Patch {
  const written = newBuilder(graph, "measured");
  const scalar = { dtype: "int64", shape: [] };
  const within = loops.map((node, k): Patch => {
    const [body] = node.bodies;
    const inner = written.fresh(`${names[k]}.each`);
    written.last(body);
    written.copy(body.inputs[0].name, inner);
    return {
      outputs: [{ ...port(inner, scalar), scope: body }, port(names[k])],
      nodeOutputs: [{ node, index: body.outputs.length - 1, name: names[k] }],
    };
  });
  const untold = graph.main.outputs.map(({ name }) => name);
  return joined(written, { untold }, ...within);
}

/** Makes a Loop run as often as an input is long, whatever its condition. */
function counted(written: Builder, node: Node, input: string): Patch {
  const [body] = node.bodies;
  written.about(input, node);
  const names = [written.op.Size(input), written.constant("bool", [], [1])];
  const isWhole = node.inputs[0] && node.inputs[1];
  const [goesOn, ends] = [body.inputs[1], body.outputs[0]];
  const computed = ends?.producer?.scope === body ? ends.producer : null;
  if (computed) {
    written.last(body);
    written.copy(goesOn.name, ends.name);
  }
  return {
    redirects: isWhole ? names.map((name, index) => ({ use: { node, index }, name })) : [],
    nodeInputs: isWhole ? [] : names.map((name, index) => ({ node, index, name, fills: true })),
    renamed: computed
      ? [{ node: computed, index: computed.outputs.indexOf(ends), name: written.fresh(ends.name) }]
      : [],
    inputs: [port(input, { dtype: "bool", shape: [`${input}.size`] })],
  };
}
