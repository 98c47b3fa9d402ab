import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import { called, type Graph, type Node, type Types } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { Rewriter } from "../../src/onnx/renamed-nodes.ts";
import { equalPieces } from "./composite.ts";
import { bodyWeights, type WrittenBodies, writeBody } from "./inner-nodes.ts";
import { type Iterations, iterationsOf } from "./iterations.ts";

interface Unrolled {
  readonly patch: Patch | null;
  /** Reasons as clauses, by the names of nodes. */
  readonly reasons: ReadonlyMap<string, string>;
}

/**
 * Writes the iterations of Loops and Scans one after the other, if their number is known or bounded.
 * After a condition that is computed has ended a Loop, its values stay as they are. Changes nothing
 * itself.
 */
export function withoutLoops(graph: Graph, types: Types, nodes: readonly Node[]): Unrolled {
  const write = newBuilder(graph, "loop");
  const rewriter = new Rewriter<Node>(graph.file);
  const bodies = { fresh: write.fresh, rewriter, written: [], tensors: [] };
  const draft: LoopDraft = { ...bodies, graph, write, drained: { count: 0 } };
  const reasons = new Map<string, string>();
  const removed: Node[] = [];
  for (const node of nodes) {
    if (node.scope.kind !== "main" || (node.op !== "Loop" && node.op !== "Scan")) continue;
    const iterations = iterationsOf(types, node);
    if (typeof iterations === "string") reasons.set(called(node), iterations);
    else {
      writeIterations(draft, iterations);
      removed.push(node);
    }
  }
  if (removed.length === 0) return { patch: null, reasons };
  const tensors = [...write.tensors, ...draft.tensors];
  return { patch: { tensors, removed, written: draft.written }, reasons };
}

interface LoopDraft extends WrittenBodies {
  readonly graph: Graph;
  readonly write: Builder;
  /** Nodes of `write` that are among `written` already. */
  readonly drained: { count: number };
}

function writeIterations(draft: LoopDraft, iterations: Iterations): void {
  const { write } = draft;
  const { node, body, steps, conditional, initial, read, collected } = iterations;
  write.about(`${called(node)}.unrolled`);
  const isLoop = node.op === "Loop";
  const weights = bodyWeights(draft, body);
  const slices = read.map(({ value, axis, reversed }) => {
    const pieces = piecesOf(draft, value.name, axis, steps);
    return reversed ? pieces.toReversed() : pieces;
  });
  let states = initial.map(({ name }) => name);
  let goes = conditional && node.inputs[1] ? scalar(write, node.inputs[1].name) : null;
  const parts = collected.map((): string[] => []);
  const truth = () => write.constant("bool", [], [1]);
  for (let step = 0; step < steps; step++) {
    const given = isLoop
      ? [write.constant("int64", [], [step]), goes ?? truth(), ...states]
      : [...states, ...slices.map((pieces) => pieces[step])];
    drain(draft, node);
    const inputs = body.inputs.map(({ name }, k) => [name, given[k]] as const);
    const outputs = body.outputs.map(({ name }) => write.fresh(`${called(node)}/${name}`));
    const ends = body.outputs.map(({ name }, k) => [name, outputs[k]] as const);
    writeBody(draft, body, { given: [...weights, ...inputs], outputs: ends });
    const made = outputs.slice(isLoop ? 1 : 0);
    const next = made.slice(0, states.length);
    states = goes === null ? next : next.map((v, k) => write.op.Where(goes!, v, states[k]));
    if (conditional) {
      const own = scalar(write, outputs[0]);
      goes = goes === null ? own : write.op.And(goes, own);
    }
    for (const [k, part] of made.slice(initial.length).entries()) parts[k].push(part);
    drain(draft, node);
  }
  const all = parts.map((list, k) => collectedAs(write, list, collected[k]));
  for (const [k, name] of [...states, ...all].entries())
    if (node.outputs[k]) write.copy(name, node.outputs[k].name);
  drain(draft, node);
}

const scalar = ({ to }: Builder, name: string) => to.reshape(name, []);

function piecesOf({ graph, write }: LoopDraft, x: string, axis: number, count: number): string[] {
  const { op, to } = write;
  if (count === 0) return [];
  const { opset } = graph.file;
  return equalPieces({ op, opset }, x, axis, count).map((piece) => to.squeeze(piece, [axis]));
}

function collectedAs(
  { op, to }: Builder,
  parts: readonly string[],
  { axis, reversed }: Iterations["collected"][number],
): string {
  const wide = parts.map((part) => to.unsqueeze(part, [axis]));
  const ordered = reversed ? wide.toReversed() : wide;
  return ordered.length === 1 ? ordered[0] : op.Concat(ordered, { axis });
}

/** Adds what was written since the last call, in order. */
function drain({ write, written, drained }: LoopDraft, before: Node): void {
  for (const { node } of write.nodes.slice(drained.count)) written.push({ before, node });
  drained.count = write.nodes.length;
}
