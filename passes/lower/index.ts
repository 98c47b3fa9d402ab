import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import {
  called,
  type Graph,
  type Node,
  outward,
  type Types,
  titleOf,
} from "../../src/graph/graph.ts";
import { sinceOf } from "../../src/graph/operators.ts";
import { own } from "../../src/graph/own.ts";
import type { Insertion, Patch } from "../../src/graph/patch-contents.ts";
import { loweredActivations } from "./activations.ts";
import { MicrosoftAttention, MultiHeadAttention } from "./attention.ts";
import { NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss } from "./class-losses.ts";
import { compositeOf, type LoweringTable, NotLowered, type PlainWriter } from "./composite.ts";
import { loweredConvolutions } from "./convolutions.ts";
import { CropAndResize, MaxRoiPool } from "./crops.ts";
import { DeformConv } from "./deformed.ts";
import { MoE, QMoE } from "./experts.ts";
import { MatMulNBits } from "./few-bits.ts";
import { Attention, GroupQueryAttention } from "./grouped-attention.ts";
import { inlined } from "./inline.ts";
import { CausalConvWithState, LinearAttention, MicrosoftCausalConv } from "./linear-memory.ts";
import { loweredNorms } from "./norms.ts";
import { FusedGemm, FusedMatMul, Gemm } from "./products.ts";
import { loweredQuantized } from "./quantized.ts";
import { loweredRecurrences } from "./recurrent.ts";
import { loweredRenamed } from "./renamed.ts";
import { MicrosoftRotary, RotaryEmbedding } from "./rotary.ts";

/** The rules that lower composite operators, by operator. */
export const rules: LoweringTable = {
  ...loweredActivations,
  ...loweredConvolutions,
  ...loweredNorms,
  ...loweredQuantized,
  ...loweredRecurrences,
  ...loweredRenamed,
  Attention,
  CausalConvWithState,
  DeformConv,
  LinearAttention,
  MaxRoiPool,
  NegativeLogLikelihoodLoss,
  RotaryEmbedding,
  SoftmaxCrossEntropyLoss,
  "com.microsoft.Attention": MicrosoftAttention,
  "com.microsoft.CausalConvWithState": MicrosoftCausalConv,
  "com.microsoft.CropAndResize": CropAndResize,
  "com.microsoft.FusedGemm": FusedGemm,
  "com.microsoft.FusedMatMul": FusedMatMul,
  "com.microsoft.GroupQueryAttention": GroupQueryAttention,
  "com.microsoft.LinearAttention": LinearAttention,
  "com.microsoft.MatMulNBits": MatMulNBits,
  "com.microsoft.MoE": MoE,
  "com.microsoft.MultiHeadAttention": MultiHeadAttention,
  "com.microsoft.QMoE": QMoE,
  "com.microsoft.RotaryEmbedding": MicrosoftRotary,
  "com.microsoft.TransposeMatMul": FusedMatMul,
};

/** Plain operators that are lowered only to reach a sum inside. */
const plainRules: LoweringTable = { Gemm };

/** Whether a node is composite and can be lowered, or calls a function. */
export const canLower = ({ op, callee }: Node) => callee !== null || Object.hasOwn(rules, op);

/** Plain nodes in place of composite ones. */
export interface Lowering {
  readonly patch: Patch;
  /** The composite node that each new value replaces. */
  readonly within: ReadonlyMap<string, Node>;
}

/**
 * Lowers composite nodes into plain ones of the model's own opset, and inlines calls of the model's
 * functions, nested calls too. Each node is removed; its replacement makes outputs with the same
 * names. Changes nothing itself. Throws a NotLowered of one sentence if a rule cannot lower a node.
 */
export function lowering(graph: Graph, types: Types, nodes: readonly Node[]): Lowering {
  const write = newBuilder(graph, "opened");
  const { opset } = graph.file;
  const writer: Writer = { ...write, opset, unrolled: { steps: 0 } };
  const inserted: Insertion[] = [];
  const within = new Map<string, Node>();
  const calls = new Set(nodes.filter(({ callee }) => callee !== null));
  for (const node of nodes) {
    if (calls.has(node)) continue;
    const from = write.nodes.length;
    const outputs = plainOutputs(types, node, writer);
    const renamed = underOldNames(node, write.nodes.slice(from), outputs);
    for (const { node: made } of renamed) for (const name of made.outputs) within.set(name, node);
    inserted.push(...renamed);
  }
  const patch = { nodes: inserted, tensors: write.tensors, removed: nodes };
  return { patch: calls.size > 0 ? { ...patch, ...writtenOut(graph, calls) } : patch, within };
}

function writtenOut(graph: Graph, calls: ReadonlySet<Node>): Pick<Patch, "written" | "opsets"> {
  const inFunction = ({ scope }: Node) => [...outward(scope)].at(-1)!.kind === "function";
  const inlining = inlined(graph, (call) => calls.has(call) || inFunction(call));
  for (const call of calls)
    if (!inlining?.patch.removed?.includes(call))
      throw new NotLowered(
        `${titleOf(call)} cannot be inlined, because its function uses other operator sets than the model; convert one of them.`,
        "its function uses other operator sets than the model",
      );
  return { written: inlining!.patch.written!, opsets: inlining!.patch.opsets! };
}

type Writer = Builder & PlainWriter;

/** Writes the plain nodes that replace one; returns its outputs, each made by its own node. */
function plainOutputs(types: Types, node: Node, write: Writer): (string | null)[] {
  const { op } = node;
  const { opset } = write;
  const rule = own(rules, op) ?? own(plainRules, op);
  if (!rule) throw new NotLowered(`${titleOf(node)} is not a composite operator.`, "it is plain");
  write.about(`${called(node)}.opened`, node);
  const call = compositeOf(types, node, write);
  const from = write.nodes.length;
  const results = rule(call);
  const free = new Set(write.nodes.slice(from).flatMap((made) => made.node.outputs));
  const outputs = node.outputs.map((output, index) => {
    if (output === null) return null;
    const written = results[index] ?? call.refuse(`its rule does not support output ${index}`);
    return free.delete(written) ? written : write.op.Identity(written);
  });
  for (const { node: made } of write.nodes.slice(from))
    if (opset < sinceOf(made.op))
      call.refuse(
        `lowering takes ${made.op}, which opset ${opset} lacks; convert the model to opset ${sinceOf(made.op)}`,
      );
  return outputs;
}

function underOldNames(
  node: Node,
  nodes: readonly Insertion[],
  outputs: readonly (string | null)[],
): Insertion[] {
  const names = new Map(
    outputs.flatMap((made, index) => (made ? [[made, node.outputs[index]!.name] as const] : [])),
  );
  const renamed = (all: readonly string[]) => all.map((name) => names.get(name) ?? name);
  return nodes.map(({ before, node: one }) => ({
    before,
    node: { ...one, inputs: renamed(one.inputs), outputs: renamed(one.outputs) },
  }));
}
