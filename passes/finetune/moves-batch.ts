import { bound } from "../../src/graph/bound.ts";
import { typeOfInfo } from "../../src/graph/graph.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import type { Dimension } from "../../src/onnx/dtypes.ts";
import type { Ort } from "../../src/ort/session.ts";
import type { Doubt } from "./placement.ts";

/** The two sizes of a dimension whose inferences are compared. */
const [ONE, OTHER] = [2, 3];

/**
 * Whether the first dimension of an input is that of the batch: whether another size of it alone
 * changes the first dimension of an output, or no longer fits. Two inferences show it; true if it is
 * fixed, or if the model cannot be inferred in the first size.
 */
export async function movesBatch(model: Model, input: string, ort: Ort): Promise<boolean> {
  const free = freeDimensions(model);
  const own = free.get(`${input}.0`);
  if (own === undefined) return true;
  const sizes = sized(free.values(), ONE);
  const firstOf = async (given: typeof sizes) =>
    (await outputShapes(model, given, ort))?.map((shape) => shape?.[0]) ?? null;
  const [before, after] = [await firstOf(sizes), await firstOf({ ...sizes, [own]: OTHER })];
  return before === null || after === null || `${before}` !== `${after}`;
}

/** Returns the axis that must change with the batch of the other inputs; null if none is sure. */
export async function axisOfBatch(
  model: Model,
  { input, axes, batch }: Doubt & { readonly axes: readonly number[] },
  ort: Ort,
): Promise<number | null> {
  const free = freeDimensions(model);
  const others = sized(free.values(), ONE);
  const known: number[] = [];
  for (const axis of axes) {
    const sizes = { ...others, ...sized([...batch, free.get(`${input}.${axis}`)!], OTHER) };
    const shapes = await outputShapes(model, sizes, ort);
    known.push(shapes?.flat().filter((dim) => typeof dim === "number").length ?? -1);
  }
  const most = Math.max(...known);
  const [axis, other] = axes.filter((_, k) => known[k] === most);
  return other === undefined ? axis : null;
}

/** Names of the free dimensions of all inputs, by input and axis. */
function freeDimensions(model: Model): Map<string, string> {
  const free = new Map<string, string>();
  for (const info of model.file.graph.inputs)
    for (const [axis, dim] of (typeOfInfo(info)?.shape ?? []).entries())
      if (typeof dim === "string") free.set(`${info.name}.${axis}`, dim || `${info.name}.${axis}`);
  return free;
}

const sized = (names: Iterable<string>, size: number): Record<string, number> =>
  Object.fromEntries([...names].map((name) => [name, size]));

/** The shape of each output for some sizes; null if these do not fit the model. */
async function outputShapes(
  model: Model,
  sizes: Readonly<Record<string, number>>,
  ort: Ort,
): Promise<(readonly Dimension[] | null | undefined)[] | null> {
  try {
    const fixed = await patched(model.graph, bound(model.graph, sizes));
    const { types, warnings } = await typesOf(fixed, ort);
    if (warnings.length > 0) return null;
    return fixed.graph.main.outputs.map((output) => types.get(output)?.shape);
  } catch {
    return null;
  }
}
