import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Value } from "../../src/graph/graph.ts";
import type { Setting } from "./residual.ts";

/** One place of an axis, a time step for instance: of which axes it is one, and which. */
export interface Place {
  readonly axis: string;
  readonly at: number;
}

/** The place that a value was taken from, where it is one of several along an axis; else null. */
export function placeOf({ graph, types }: Setting, value: Value): Place | null {
  const node = value.producer;
  const whole = node?.inputs[0];
  const from = whole && types.get(whole)?.shape;
  const to = types.get(value)?.shape;
  if (!node || !from || !to) return null;
  const numbers = (name: string, index: number) =>
    attribute(node, name)?.ints ?? numbersOf(graph, node.inputs[index]);
  const wrap = (axis: number) => (axis < 0 ? axis + from.length : axis);
  const place = (axis: number, at: number | undefined): Place | null => {
    const size = from[axis];
    if (size === 1 || at === undefined) return null;
    const first = at < 0 && typeof size === "number" ? at + size : at;
    return { axis: [from.length, axis, size].join(), at: first };
  };
  const along = wrap(attribute(node, "axis")?.i ?? 0);
  switch (node.op) {
    case "Gather": {
      const indices = numbersOf(graph, node.inputs[1]);
      return indices?.length === 1 ? place(along, indices[0]) : null;
    }
    case "Slice": {
      const starts = numbers("starts", 1);
      const axes = numbers("axes", 3)?.map(wrap) ?? [...from.keys()];
      const k = axes.findIndex((axis) => to[axis] === 1 && from[axis] !== 1);
      return k < 0 ? null : place(axes[k], starts?.[k]);
    }
    case "Split": {
      const before = node.outputs.slice(0, node.outputs.indexOf(value));
      const sizes = before.map((v) => v && types.get(v)?.shape?.[along]);
      return to[along] === 1 && sizes.every((size) => typeof size === "number")
        ? place(
            along,
            sizes.reduce((a: number, b) => a + (b as number), 0),
          )
        : null;
    }
    default:
      return null;
  }
}

/** Whether a value comes from x only by way of other places than this one, as h of an unrolled RNN does. */
export function isElsewhere(setting: Setting, value: Value, x: Value, here: Place): boolean {
  let others = 0;
  const seen = new Set<Value>([value]);
  for (const at of seen) {
    if (at === x) return false;
    const place = placeOf(setting, at);
    if (place?.axis === here.axis) {
      if (place.at === here.at) return false;
      others++;
      continue;
    }
    for (const input of [...(at.producer?.inputs ?? []), ...(at.producer?.captures ?? [])])
      if (input && !setting.constants.has(input)) seen.add(input);
  }
  return others > 0;
}
