import { runAll } from "../../src/compare/outputs.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import type { Types } from "../../src/graph/types.ts";
import { broadcastShape, expanded } from "../../src/ort/broadcast.ts";
import { type Tap, type Taps, withTaps } from "../../src/ort/expose.ts";
import { runnable } from "../../src/ort/loading.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import type { Augmented } from "../laurelize/insert.ts";
import { operandsOf } from "./site-nodes.ts";

/** Elements of operands that are held at once. */
const HELD = 1 << 26;
/** What a dimension of which nothing is known is taken for. */
const UNKNOWN_DIM = 64;

/** Names of the values that the sites' inserted nodes read. */
export const operandNames = (sites: readonly Augmented[]): string[] => [
  ...new Set(sites.flatMap(operandsOf).map(({ name }) => name)),
];

/** Sizes of the free dimensions in a model's inputs, by name, as these inputs have them. */
export function sizesIn({ main }: Graph, types: Types, feeds: Tensors): Record<string, number> {
  const sized = main.inputs.flatMap((input) =>
    (types.get(input)?.shape ?? []).map(
      (dim, axis) => [dim, feeds[input.name].dims[axis]] as const,
    ),
  );
  return Object.fromEntries(sized.filter(([dim]) => typeof dim === "string" && dim !== ""));
}

/** Sites in groups whose operands fit in memory together, free dimensions having these sizes. */
export function siteBatches(
  sites: readonly Augmented[],
  sizes: Readonly<Record<string, number>>,
): Augmented[][] {
  const groups: Augmented[][] = [];
  let room = 0;
  for (const augmented of sites) {
    const sized = augmented.site.shape
      .map((dim) => (typeof dim === "number" ? dim : (own(sizes, dim) ?? UNKNOWN_DIM)))
      .reduce((a, b) => a * b, 1);
    const need = sized * operandNames([augmented]).length;
    if (groups.length === 0 || need > room) {
      groups.push([]);
      room = HELD;
    }
    groups.at(-1)!.push(augmented);
    room -= need;
  }
  return groups;
}

/** What is to be led out of a model for the operands of some sites. */
export const tapsAt = (sites: readonly Augmented[]): Tap[] =>
  sites.flatMap((augmented) =>
    operandsOf(augmented).map((value) => ({ value, dtype: augmented.site.dtype })),
  );

/**
 * A site's operands by name in what a run gave, each in the shape of all: the plain sum broadcasts
 * them too. Null where its body did not run in one piece.
 */
export function operandsIn(
  ort: Ort,
  taps: Taps,
  augmented: Augmented,
  got: Tensors,
): Tensors | null {
  const operands = operandsOf(augmented).map(
    (value) => [value.name, taps.read(ort, value, got)] as const,
  );
  const made = operands.flatMap(([name, tensor]) => (tensor ? [[name, tensor] as const] : []));
  if (made.length < operands.length) return null;
  const shape = broadcastShape(made.map(([, { dims }]) => dims));
  if (!shape) return null;
  return Object.fromEntries(made.map(([name, tensor]) => [name, expanded(ort, tensor, shape)]));
}

/** Operands of a site, and which of the inputs they are from. */
export interface Captured {
  readonly operands: Tensors;
  readonly feeds: Tensors;
}

/**
 * What the sites' inserted nodes read, in a real run with optimisations disabled, on the first of
 * the inputs that reaches the site. A site in a body that none reaches is left out.
 */
export async function capture(
  ort: Ort,
  file: Graph["file"],
  sites: readonly Augmented[],
  inputs: readonly Tensors[],
): Promise<ReadonlyMap<Augmented, Captured>> {
  const found = new Map<Augmented, Captured>();
  for (const feeds of inputs) {
    const missing = sites.filter((augmented) => !found.has(augmented));
    if (missing.length === 0) break;
    const inMain = missing.filter(({ site }) => site.scope.kind === "main");
    const run = async (some: readonly Augmented[]) => {
      const taps = withTaps(file, tapsAt(some));
      return { taps, got: (await runAll(ort, runnable(taps.file), "disabled", [feeds]))[0] };
    };
    // A body may refuse to give its values out; one of the main graph never does.
    const { taps, got } = await run(missing).catch(() => run(inMain));
    for (const augmented of missing) {
      const operands = operandsIn(ort, taps, augmented, got);
      if (operands) found.set(augmented, { operands, feeds });
    }
  }
  return found;
}
