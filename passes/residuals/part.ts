import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Value } from "../../src/graph/graph.ts";
import { walk } from "../../src/graph/walk.ts";
import { type Dimension, placeOfAxis } from "../../src/onnx/dtypes.ts";
import { computedSources } from "./operators.ts";
import type { Part, Setting } from "./residual.ts";

/** Returns which slice of a larger value a value is, along one axis; null if it is not a slice. */
export function partOf({ types }: Setting, value: Value): Part | null {
  const node = value.producer;
  const whole = node?.inputs[0];
  const from = whole && types.get(whole)?.shape;
  const to = types.get(value)?.shape;
  if (!node || !from || !to) return null;
  const ints = (name: string, index: number) =>
    attribute(node, name)?.ints ?? numbersOf(node.inputs[index]);
  const wrap = (axis: number) => placeOfAxis(axis, from.length);
  const part = (axis: number, at: Part["at"], single = to[axis] === 1): Part | null => {
    const size = from[axis];
    if (size === 1 || (single && typeof at !== "number")) return null;
    const first = typeof at === "number" && at < 0 && typeof size === "number" ? at + size : at;
    return { whole, axis: [from.length, axis, size].join(), at: first, single };
  };
  const along = wrap(attribute(node, "axis")?.i ?? 0);
  switch (node.op) {
    case "Gather": {
      const indices = numbersOf(node.inputs[1]);
      return indices?.length === 1 ? part(along, indices[0], true) : null;
    }
    case "Slice": {
      const starts = ints("starts", 1);
      const axes = ints("axes", 3)?.map(wrap) ?? [...from.keys()];
      const k = axes.findIndex((axis) => to[axis] !== from[axis]);
      return k < 0 ? null : part(axes[k], starts?.[k] ?? node.inputs[1]!);
    }
    case "Split": {
      const at = placeIn(node, value, (each) => types.get(each)?.shape?.[along]);
      return part(along, at);
    }
    default:
      return null;
  }
}

/** Returns the start of a Split's output, or itself if the sizes before it are not known. */
function placeIn(node: Node, value: Value, sizeOf: (value: Value) => Dimension | undefined) {
  let at = 0;
  for (const output of node.outputs) {
    const size = output && sizeOf(output);
    if (output === value || typeof size !== "number") return output === value ? at : value;
    at += size;
  }
  return value;
}

/** Maximum number of values that a search visits, enough to see the steps of a recurrence. */
const LOOKS = 500;

/**
 * Whether a value comes from x only through other slices than this one, as h of an unrolled RNN
 * comes from earlier steps. Also distinguishes the steps of values computed from x step by step.
 */
export function isElsewhere(setting: Setting, value: Value, x: Value, here: Part): boolean {
  const sliceAt = (at: Value): Part | null => {
    const part = partOf(setting, at);
    const comparable = here.single
      ? part?.single && part.axis === here.axis
      : part?.whole === here.whole && part.axis === here.axis;
    return comparable ? part : null;
  };
  let others = 0;
  const back = (at: Value) => (sliceAt(at) ? [] : computedSources(setting, at));
  for (const at of walk([value], back, LOOKS)) {
    const slice = sliceAt(at);
    if (at === x || slice?.at === here.at) return false;
    if (slice) others++;
  }
  return others > 0;
}
