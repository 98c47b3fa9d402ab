import { freeMemory } from "#node";
import { runAll } from "../../src/compare/outputs.ts";
import type { Graph, Types } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { shapesInRuns } from "../../src/infer/measured-shapes.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import { broadcastShape, expanded } from "../../src/ort/broadcast.ts";
import { type ExposedInner, exposeInner, type InnerValue } from "../../src/ort/expose.ts";
import { runnable } from "../../src/ort/loading.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import { operandsOf } from "./site-nodes.ts";

/** Elements of operands that are held at once at least, and the share of free memory that they may take. */
const [HELD, SHARE_HELD] = [1 << 26, 1 / 16];
/** The assumed size of a dimension of which nothing is known. */
const UNKNOWN_DIM = 64;

/** Names of the values that the sites' inserted nodes read. */
export const operandNames = (sites: readonly InsertedSite[]): string[] => [
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

/** Number of elements of each site's sum on some inputs. */
export type SumSizes = ReadonlyMap<InsertedSite, number>;

/**
 * Returns the sizes of sites' sums on some inputs. If inference loses several, one run of the model
 * measures them: guesses that are too large cost a session for each site.
 */
export async function sumSizes(
  ort: Ort,
  file: ModelFile,
  sites: readonly InsertedSite[],
  { sizes, feeds }: { readonly sizes: Readonly<Record<string, number>>; readonly feeds: Tensors },
): Promise<SumSizes> {
  const sized = ({ site: { shape } }: InsertedSite) =>
    shape.map((dim) => (typeof dim === "number" ? dim : (own(sizes, dim) ?? null)));
  const lost = sites.filter(
    (each) => each.site.scope.kind === "main" && sized(each).includes(null),
  );
  const sums = lost.map(({ site: { output } }) => output);
  const shapes =
    lost.length > 1
      ? await shapesInRuns(ort, file, sums, (shapesOf) => shapesOf(feeds)).catch(() => [])
      : [];
  const measured = new Map(shapes.map((shape, k) => [lost[k], shape]));
  return new Map(
    sites.map((each) => {
      const dims = measured.get(each) ?? sized(each).map((size) => size ?? UNKNOWN_DIM);
      return [each, elements(dims)];
    }),
  );
}

const heldAtOnce = () =>
  Math.max(HELD, (SHARE_HELD * (freeMemory() ?? 0)) / Float32Array.BYTES_PER_ELEMENT);

/** Returns the sites in groups whose operands fit in memory together. */
export function siteBatches(sizes: SumSizes): InsertedSite[][] {
  const groups: InsertedSite[][] = [];
  const most = heldAtOnce();
  let room = 0;
  for (const [inserted, sized] of sizes) {
    const need = sized * operandNames([inserted]).length;
    if (groups.length === 0 || need > room) {
      groups.push([]);
      room = most;
    }
    groups.at(-1)!.push(inserted);
    room -= need;
  }
  return groups;
}

/** The share of free memory that the operands of all sites may take at once. */
const SHARE = 1 / 4;

/** Whether the operands of groups of sites fit in memory together. */
export const fitTogether = (groups: readonly (readonly InsertedSite[])[]): boolean =>
  groups.length * heldAtOnce() * Float32Array.BYTES_PER_ELEMENT <=
    SHARE * (freeMemory() ?? Infinity) || groups.length <= 1;

/** Returns the values to expose in a model for the operands of some sites. */
export const operandValues = (sites: readonly InsertedSite[]): InnerValue[] =>
  sites.flatMap((inserted) =>
    operandsOf(inserted).map((value) => ({ value, dtype: inserted.site.dtype })),
  );

/** Returns a site's operands in a run, broadcast to one shape; null if the run does not give them all. */
export function operandsIn(
  ort: Ort,
  exposed: ExposedInner,
  inserted: InsertedSite,
  got: Tensors,
): Tensors | null {
  const operands = operandsOf(inserted).map(
    (value) => [value.name, exposed.read(ort, value, got)] as const,
  );
  const made = operands.flatMap(([name, tensor]) => (tensor ? [[name, tensor] as const] : []));
  if (made.length < operands.length) return null;
  const shape = broadcastShape(made.map(([, { dims }]) => dims));
  if (!shape) return null;
  return Object.fromEntries(made.map(([name, tensor]) => [name, expanded(ort, tensor, shape)]));
}

/** Operands of a site, and the inputs that they come from. */
export interface Captured {
  readonly operands: Tensors;
  readonly feeds: Tensors;
}

/**
 * Returns what the sites' inserted nodes read in a real run with optimizations disabled, on the
 * first of the inputs that reaches the site. Leaves out sites in bodies that none reaches.
 */
export async function capture(
  ort: Ort,
  file: Graph["file"],
  sites: readonly InsertedSite[],
  inputs: readonly Tensors[],
): Promise<ReadonlyMap<InsertedSite, Captured>> {
  const found = new Map<InsertedSite, Captured>();
  for (const feeds of inputs) {
    const missing = sites.filter((inserted) => !found.has(inserted));
    if (missing.length === 0) break;
    const inMain = missing.filter(({ site }) => site.scope.kind === "main");
    const run = async (some: readonly InsertedSite[]) => {
      const exposed = exposeInner(file, operandValues(some));
      return { exposed, got: (await runAll(ort, runnable(exposed.file), "disabled", [feeds]))[0] };
    };
    // A body may refuse to give its values out; one of the main graph never does.
    const { exposed, got } = await run(missing).catch(() => run(inMain));
    const captured = operandsOfAll(ort, exposed, missing, { feeds, known: got });
    for (const [inserted, operands] of captured) found.set(inserted, operands);
  }
  return found;
}

/** Returns what sites' inserted nodes read, from the values of a run on these inputs. */
export const operandsOfAll = (
  ort: Ort,
  exposed: ExposedInner,
  sites: readonly InsertedSite[],
  { feeds, known }: { readonly feeds: Tensors; readonly known: Tensors },
): ReadonlyMap<InsertedSite, Captured> =>
  new Map(
    sites.flatMap((inserted) => {
      const operands = operandsIn(ort, exposed, inserted, known);
      return operands ? [[inserted, { operands, feeds }] as const] : [];
    }),
  );
