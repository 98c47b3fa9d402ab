import type { Node, Scope } from "./graph.ts";
import { rows } from "./own.ts";
import { scopesWithin } from "./scopes.ts";

/**
 * The opsets of ai.onnx in which an operator lost an attribute, turned it into an input, or changed
 * its meaning. Other versions only add types, and attributes whose defaults keep the behavior.
 * Source: the schemas of onnx 1.23, opset 8 to 28.
 */
const CHANGED: Readonly<Record<string, readonly number[]>> = {
  Attention: [24],
  BatchNormalization: [9, 14],
  ...rows([11], "Clip Loop Pad Scatter"),
  ...rows([20], "DFT GridSample"),
  Dropout: [12],
  GroupNormalization: [21],
  ...rows([18], "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin"),
  ...rows([18], "ReduceProd ReduceSumSquare"),
  ...rows([13], "Hardmax LogSoftmax ReduceSum Softmax Squeeze Unsqueeze"),
  Resize: [11, 13, 18, 19],
  RoiAlign: [16],
  Scan: [9],
  Slice: [10],
  Split: [13, 18],
  TopK: [10, 11],
  Upsample: [9, 10],
};

/** The newest opset whose changes are listed. */
const NEWEST = 28;

/**
 * Returns why nodes of a scope, written for one opset of ai.onnx, cannot be used in a model of
 * another. The clause names an operator that changed in between; null if their meaning is the same.
 * Nodes of `except` are not looked at.
 */
export function changedBetween(
  scope: Scope,
  from: number,
  to: number,
  except: (node: Node) => boolean = () => false,
): string | null {
  if (from === to) return null;
  if (to < from) return `opset ${to} is older and may lack what opset ${from} has`;
  if (to > NEWEST) return `opset ${to} is newer than the opsets that this version knows`;
  for (const node of [...scopesWithin([scope])].flatMap(({ nodes }) => nodes)) {
    if (except(node)) continue;
    const { message } = node;
    const changes = message.domain === "" ? message.opType : "";
    const at = Object.hasOwn(CHANGED, changes)
      ? CHANGED[changes].find((opset) => opset > from && opset <= to)
      : undefined;
    if (at !== undefined) return `${changes} changed in opset ${at}`;
  }
  return null;
}
