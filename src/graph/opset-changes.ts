import type { Node, Scope } from "./graph.ts";
import { scopesWithin } from "./scopes.ts";

/**
 * The opsets of ai.onnx in which an operator lost an attribute, turned it into an input, or changed
 * its meaning. Other versions only add types, and attributes whose defaults keep the behavior.
 * Source: the schemas of onnx 1.23, opset 8 to 28.
 */
const CHANGED: Readonly<Record<string, readonly number[]>> = {
  Attention: [24],
  BatchNormalization: [9, 14],
  Clip: [11],
  DFT: [20],
  Dropout: [12],
  GridSample: [20],
  GroupNormalization: [21],
  Hardmax: [13],
  LogSoftmax: [13],
  Loop: [11],
  Pad: [11],
  ReduceL1: [18],
  ReduceL2: [18],
  ReduceLogSum: [18],
  ReduceLogSumExp: [18],
  ReduceMax: [18],
  ReduceMean: [18],
  ReduceMin: [18],
  ReduceProd: [18],
  ReduceSum: [13],
  ReduceSumSquare: [18],
  Resize: [11, 13, 18, 19],
  RoiAlign: [16],
  Scan: [9],
  Scatter: [11],
  Slice: [10],
  Softmax: [13],
  Split: [13, 18],
  Squeeze: [13],
  TopK: [10, 11],
  Unsqueeze: [13],
  Upsample: [9, 10],
};

/** The newest opset whose changes are listed. */
const NEWEST = 28;

/**
 * Returns why nodes of a scope, written for one opset of ai.onnx, cannot be used in a model of
 * another, as a clause about an operator that changed in between; null if their meaning is the
 * same. Nodes of `except` are not looked at.
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
    const changes = message.domain === "" || message.domain === "ai.onnx" ? message.opType : "";
    const at = Object.hasOwn(CHANGED, changes)
      ? CHANGED[changes].find((opset) => opset > from && opset <= to)
      : undefined;
    if (at !== undefined) return `${changes} changed in opset ${at}`;
  }
  return null;
}
