import { compareTensors } from "../../src/compare/difference.ts";
import { own } from "../../src/graph/own.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { ExposedInner } from "../../src/ort/expose.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { tensorOfBytes } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import { displacedOne, type Values } from "./displacing.ts";
import { type Effect, effectsOf, setsAt } from "./effects.ts";
import { operandsIn } from "./operands.ts";
import { operandsOf, type Subject } from "./site-nodes.ts";
import type { SiteSums } from "./sums-together.ts";
import type { Running } from "./weighted-runs.ts";

/** The input of every check of new tensors. */
export interface Asked extends Subject {
  /** The plan's sites, as many at once as fit in memory. */
  readonly groups: readonly (readonly InsertedSite[])[];
  /** Values of the main graph that are watched: its outputs, or what they are computed from. */
  readonly comparable: readonly string[];
  /** Values that are watched too if some tensors move nothing else: floats before they are rounded or saturate. */
  readonly stepped: readonly string[];
  /** Whether the result is known to give the same in every run, bit for bit. */
  readonly isSteady: boolean;
  readonly sums: SiteSums;
  /** Counts a site as done. */
  readonly step: () => void;
}

/** A model that is run again and again, its new tensors displaced. */
export interface OpenRuns extends Asked {
  readonly feeds: Tensors;
  readonly tensors: readonly DenseTensor[];
  readonly exposed: ExposedInner;
  /** The last sum's name as an output of the model that is run; null if it cannot be one. */
  readonly last: string | null;
  readonly running: Running;
}

/** Such a model, and its values with the initial weights. */
export interface LearningRuns extends OpenRuns {
  readonly start: Point;
}

/** Values of all new tensors, from which each is displaced alone. */
export interface Point {
  readonly values: Values;
  readonly round: string;
  /** How far each is displaced. */
  readonly scale: number;
  /** The inputs of a run at this point. */
  readonly feeds: Tensors;
  /** The values that are known there. */
  readonly known: Tensors;
}

/** Returns a point of which no values are known. */
export function pointAt(
  { ort, feeds, tensors }: OpenRuns,
  at: Pick<Point, "values" | "round" | "scale">,
): Point {
  const weights = tensors.map((tensor) => fed(ort, tensor, at.values.get(tensor.name)!));
  const all = Object.assign(Object.create(null), feeds, ...weights);
  return { ...at, feeds: all, known: {} };
}

/** Returns a point with the watched values there and, if all sites are held at once, their operands and sums. */
export async function knownAt(
  runs: OpenRuns,
  at: Pick<Point, "values" | "round" | "scale">,
): Promise<Point> {
  const { groups, exposed, running } = runs;
  const point = pointAt(runs, at);
  if (groups.length !== 1) return point;
  const values = groups[0].flatMap((each) => [...operandsOf(each), each.site.output]);
  const names = [
    ...watchedNames(runs),
    ...values.flatMap((value) => exposed.outputOf(value) ?? []),
  ];
  return { ...point, known: await running(point.feeds, [...new Set(names)]) };
}

/** Names of the values that may be watched. */
const watchedNames = ({ comparable, last }: OpenRuns): string[] => [
  ...new Set(last === null ? comparable : [...comparable, last]),
];

/** Returns values at a point by name. Runs the model unless all are known. */
export async function valuesAt(
  { running }: OpenRuns,
  { feeds, known }: Point,
  names: readonly string[],
): Promise<Tensors> {
  if (names.some((name) => !own(known, name))) return running(feeds, names);
  return Object.fromEntries(names.map((name) => [name, known[name]]));
}

const fed = (ort: Ort, { name, dtype, dims }: DenseTensor, values: Float64Array): Tensors => ({
  [name]: tensorOfBytes(ort, dtype, encodeNumbers(dtype, values), dims),
});

/** Returns the feed of one tensor, displaced from a point. */
export function moved({ ort, plan }: OpenRuns, point: Point, tensor: DenseTensor): Tensors {
  const { values, round, scale } = point;
  const { seed } = plan.options;
  return fed(ort, tensor, displacedOne(values, tensor, { seed, round, scale }));
}

/** Returns a function from a site to its operands at a point; they are null if its body did not run. */
export async function operandsAt(
  runs: LearningRuns,
  point: Point,
  sites: readonly InsertedSite[],
): Promise<(inserted: InsertedSite) => Tensors | null> {
  const { ort, exposed } = runs;
  const read = sites.flatMap(operandsOf).flatMap((value) => exposed.outputOf(value) ?? []);
  const got = read.length > 0 ? await valuesAt(runs, point, [...new Set(read)]) : {};
  return (inserted) => operandsIn(ort, exposed, inserted, got);
}

/** A site, and what its inserted nodes read; null if its body did not run. */
export interface SiteOperands {
  readonly inserted: InsertedSite;
  readonly operands: Tensors | null;
}

/** Returns what the nodes of a site read at a point, and with each of these tensors displaced. */
export const displacedSets = (
  runs: OpenRuns,
  point: Point,
  { inserted, operands }: SiteOperands,
  tensors: readonly DenseTensor[],
): Tensors[] =>
  setsAt(
    inserted,
    { ...point.feeds, ...operands },
    tensors.map((tensor) => moved(runs, point, tensor)),
  );

/** Returns the new tensors of a site that have one of these names. */
export const tensorsNamed = ({ parameters }: InsertedSite, names: ReadonlySet<string>) =>
  Object.values(parameters).filter(({ name }) => names.has(name));

/** Returns what each of the named tensors does to its site's sum, a list for each site. */
export async function effectsAt(
  runs: LearningRuns,
  point: Point,
  names: ReadonlySet<string>,
): Promise<Effect[][]> {
  const { result, groups } = runs;
  const effects = new Map<InsertedSite, Effect[]>();
  for (const batch of groups) {
    const read = await operandsAt(runs, point, batch);
    const asked = batch.flatMap((inserted) => {
      const tensors = tensorsNamed(inserted, names);
      const operands = read(inserted);
      effects.set(inserted, operands ? [] : effectsOf(null, tensors));
      if (!operands || tensors.length === 0) return [];
      const sets = displacedSets(runs, point, { inserted, operands }, tensors);
      return [{ site: inserted.site, sets, inserted, tensors }];
    });
    for await (const { asked: of, sums } of runs.sums.of(result, asked))
      effects.set(of.inserted, effectsOf(sums, of.tensors));
    for (const _ of batch) runs.step();
  }
  return groups.flat().map((inserted) => effects.get(inserted)!);
}

/** A point, the watched values there, and what each tensor does to its site's sum there. */
export interface Round {
  readonly point: Point;
  readonly still: Tensors;
  readonly effects: readonly (readonly Effect[])[];
}

/** Returns the round of the named tensors at a point. */
export async function roundAt(
  runs: LearningRuns,
  point: Point,
  names: ReadonlySet<string>,
): Promise<Round> {
  const effects = await effectsAt(runs, point, names);
  return { point, effects, still: await valuesAt(runs, point, watchedNames(runs)) };
}

/** Whether one of the outputs changes when these tensors are fed instead of the point's. */
export async function arrives(
  { running }: OpenRuns,
  { point, still }: Pick<Round, "point" | "still">,
  outputs: readonly string[],
  tensors: Tensors,
): Promise<boolean> {
  const got = await running({ ...point.feeds, ...tensors }, Object.keys(still));
  return outputs.some((name) => !compareTensors(still[name], got[name]).bitEqual);
}

/** Scales of a displacement that are tried in turn. */
export const SCALES = [1, 1 / 8, 1 / 64, 1 / 512];

/** Calls `displace` with a scale, or a smaller one if the model does not run, because its values may decide sizes. */
export async function atRunningScale<T>(
  scale: number,
  displace: (scale: number) => Promise<T>,
): Promise<T> {
  for (const share of SCALES.slice(0, -1)) {
    const result = await displace(scale * share).catch(() => null);
    if (result !== null) return result;
  }
  return displace(scale * SCALES.at(-1)!);
}
