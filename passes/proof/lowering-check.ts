import type { Comparable } from "../../src/compare/comparable.ts";
import { compareTensors } from "../../src/compare/difference.ts";
import { nudgedBaseline } from "../../src/compare/nudged-weights.ts";
import { notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import { type FunctionReport, runAll, sameFunction } from "../../src/compare/outputs.ts";
import {
  called,
  type Graph,
  inputsOf,
  type Node,
  outputsOf,
  type TypedGraph,
  type Types,
} from "../../src/graph/graph.ts";
import { integerBits } from "../../src/onnx/dtypes.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import { exposeInner } from "../../src/ort/expose.ts";
import { runnable } from "../../src/ort/loading.ts";
import { reason } from "../../src/ort/messages.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { runValue } from "./site-nodes.ts";

/** A composite node and the nodes that replace it, compared on the operands of a real run. */
interface LoweredNode {
  readonly name: string;
  readonly op: string;
  /** Largest |a − b| of its integers, in quanta; null if it makes floats. */
  readonly quanta: number | null;
}

/** How far lowering changed the outputs of a model. */
export interface LoweringReport extends FunctionReport {
  /** Function calls that were inlined. */
  readonly calls: number;
  readonly nodes: readonly LoweredNode[];
}

/** What was lowered: the original, the model that held composite nodes, and these nodes. */
interface Closed {
  readonly file: ModelFile;
  readonly calls: readonly string[];
  readonly composed: TypedGraph;
  readonly nodes: readonly Node[];
}

/** What a result was made from: the original, or the original with functions and composite nodes lowered. */
export interface LoweredOriginal extends TypedGraph {
  /** The original itself, and what was lowered in it; null if nothing was. */
  readonly closed: Closed | null;
  readonly comparable: Comparable;
}

/** The largest error of a lowered node that makes integers, in quanta: onnxruntime may round differently. */
const QUANTUM = 1;

/**
 * Checks a lowered model against the original. Inlined functions must be bit-equal, and lowered
 * composite nodes within the noise of both. If these make integers, each is checked alone to one
 * quantum on the operands of a real run, and the movement of the outputs is reported.
 */
export async function checkLowering(
  ort: Ort,
  { graph: lowered, comparable: { provable } }: LoweredOriginal,
  { file, calls, composed, nodes }: Closed,
  feeds: readonly Tensors[],
): Promise<Outcome<LoweringReport>> {
  const quantized = nodes.filter((node) => makesIntegers(composed.types, node));
  const agreement = quantized.length > 0 ? "parts" : nodes.length > 0 ? "near" : "equal";
  try {
    const baseline = await nudgedBaseline(ort, file, feeds);
    const moved = await quantaOf(ort, lowered, { ...composed, nodes: quantized }, feeds[0]);
    if (moved === null) return notRun("a lowered node is not reached by the inputs");
    const same = await sameFunction(ort, baseline, runnable(provable(lowered.file)), agreement);
    if (same.outcome === "not run") return same;
    const reports = nodes.map((node) => ({
      name: called(node),
      op: node.op,
      quanta: moved.get(node) ?? null,
    }));
    const held = reports.every(({ quanta }) => quanta === null || quanta <= QUANTUM);
    const { inputs, outputs, level, error } = same;
    const figures = { inputs, outputs, level, error, calls: calls.length, nodes: reports };
    return ran(same.outcome === "passed" && held, figures);
  } catch (thrown) {
    return notRun(`onnxruntime cannot run the original (${reason(thrown)})`);
  }
}

const makesIntegers = (types: Types, node: Node) =>
  outputsOf(node).some((value) =>
    [8, 16].includes(integerBits(types.get(value)?.dtype ?? "") ?? 0),
  );

/** Returns how far each node's integers move on what it reads in a run; null if one did not run. */
async function quantaOf(
  ort: Ort,
  lowered: Graph,
  { graph, types, nodes }: TypedGraph & Pick<Closed, "nodes">,
  feeds: Tensors,
): Promise<ReadonlyMap<Node, number> | null> {
  const moved = new Map<Node, number>();
  if (nodes.length === 0) return moved;
  const read = (node: Node) =>
    [...new Set(inputsOf(node))].filter(({ producer }) => producer && producer.op !== "Constant");
  const exposed = exposeInner(
    graph.file,
    nodes.flatMap(read).map((value) => ({ value, dtype: types.get(value)!.dtype })),
  );
  const [got] = await runAll(ort, runnable(exposed.file), "disabled", [feeds]);
  for (const node of nodes) {
    const operands = read(node).map(
      (value) => [value.name, exposed.read(ort, value, got)] as const,
    );
    if (operands.some(([, tensor]) => tensor === null)) return null;
    const given = Object.fromEntries(operands) as Tensors;
    const [output] = outputsOf(node);
    const before = await runValue({ ort, graph }, { output }, [given]);
    const after = await runValue({ ort, graph: lowered }, { output }, [given]);
    if (!before || !after) return null;
    moved.set(node, compareTensors(before[0], after[0]).absolute);
  }
  return moved;
}
