import type { Tensor } from "onnxruntime-common";
import { constants } from "../../src/graph/constants.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { numbersIn } from "../../src/ort/tensors.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import { displaced } from "./displacing.ts";
import { effectsOf } from "./effects.ts";
import {
  arrives,
  displacedSets,
  type LearningRuns,
  moved,
  operandsAt,
  type Point,
  pointAt,
  type SiteOperands,
  tensorsNamed,
} from "./learning-runs.ts";
import { type LostAtSite, withFeeling } from "./original-feels.ts";
import { randomOperands } from "./site-check.ts";
import { operandsOf, runSums } from "./site-nodes.ts";

/**
 * Verdicts on a tensor that was not seen to move an output, from the least: the original's outputs
 * do not depend on its change on these inputs; they do only if it is enlarged; it moves an output
 * while all other sites are neutral.
 */
const VERDICTS = ["unfelt", "faint", "alive"] as const;

type Verdict = (typeof VERDICTS)[number];

/**
 * Returns verdicts on tensors that were not seen to move an output. The change that each makes to
 * its sum is added to the sum in the original. If only a larger change in the same direction moves
 * an output there, the tensor can learn: its own change was lost in rounding. If not even that
 * moves one, these inputs do not show whether it can learn. Nor do they if the tensor changes its
 * sum only on random operands, which are not zero. All others are dead, unless they move an output
 * alone.
 */
export async function secondVerdicts(
  runs: LearningRuns,
  outputs: readonly string[],
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Verdict>> {
  const verdicts = new Map<string, Verdict>();
  const note = ({ name }: DenseTensor, verdict: Verdict) => {
    const before = VERDICTS.indexOf(verdicts.get(name) ?? "unfelt");
    if (before <= VERDICTS.indexOf(verdict)) verdicts.set(name, verdict);
  };
  for (const group of runs.groups) {
    const sites = group.filter(({ parameters }) =>
      Object.values(parameters).some(({ name }) => names.has(name)),
    );
    if (sites.length === 0) continue;
    const all = await lostAt(runs, sites, names);
    for (const { inserted, untold, untoldAt } of all)
      for (const tensor of untold) {
        // In a loop only the first iteration is seen, whose state is often zero.
        const later = inserted.site.scope.owner && (await moves(runs, untoldAt, outputs, tensor));
        note(tensor, later ? "alive" : "unfelt");
      }
    const lost = all.filter(({ changes }) => changes.length > 0);
    const skip = ({ changes }: LostAtSite) => {
      for (const { tensor } of changes) note(tensor, "unfelt");
    };
    await withFeeling(runs, lost, outputs, async (feels) => {
      const seen = async (given: readonly LostAtSite[]): Promise<Verdict> =>
        (await feels(given)) ? "alive" : (await feels(given.map(enlarged), 0)) ? "faint" : "unfelt";
      if ((await seen(lost)) === "unfelt") return lost.forEach(skip);
      for (const site of lost) {
        if ((await seen([site])) === "unfelt") skip(site);
        else
          for (const change of site.changes) {
            const told = await seen([{ ...site, changes: [change] }]);
            if (told !== "alive" || (await moves(runs, site.point, outputs, change.tensor)))
              note(change.tensor, told);
          }
      }
    }).catch(() => lost.forEach(skip));
  }
  return verdicts;
}

/** Share of a sum's largest element that an enlarged change has at most. */
const LARGE = 1 / 16;

/** Returns the same changes, so large that rounding does not swallow them. */
const enlarged = (site: LostAtSite): LostAtSite => ({
  ...site,
  changes: site.changes.map(({ tensor, change, most }) => {
    const by = (LARGE * most) / largestOf(change);
    return { tensor, most, change: by > 1 ? change.map((number) => by * number) : change };
  }),
});

const largestOf = (numbers: Float64Array) =>
  numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0);

/** What the named tensors of some sites do to their sums, each site's first movers displaced. */
async function lostAt(
  runs: LearningRuns,
  sites: readonly InsertedSite[],
  names: ReadonlySet<string>,
): Promise<LostAtSite[]> {
  const read = await operandsAt(runs, runs.start, sites);
  const found: LostAtSite[] = [];
  for (const inserted of sites) {
    const operands = read(inserted);
    found.push(await lostAtSite(runs, { inserted, operands }, tensorsNamed(inserted, names)));
  }
  return found;
}

async function lostAtSite(
  runs: LearningRuns,
  { inserted, operands }: SiteOperands,
  tensors: readonly DenseTensor[],
): Promise<LostAtSite> {
  const first = runs.start;
  const real = operands && (await changesAt(runs, { inserted, operands }, tensors));
  if (!real)
    return { inserted, point: first, dims: [], changes: [], untold: tensors, untoldAt: first };
  const idle = tensors.filter((each) => !real.changes.some(({ tensor }) => tensor === each));
  if (idle.length === 0) return { inserted, ...real, untold: [], untoldAt: first };
  const random = randomOperands(runs.ort, inserted, real.dims, runs.plan.options.seed);
  const isFixed = constants(runs.original);
  const fixed = operandsOf(inserted).filter((value) => isFixed.has(value));
  const kept = Object.fromEntries(fixed.map(({ name }) => [name, operands![name]]));
  const others = { inserted, operands: { ...random, ...kept } };
  const onOthers = await changesAt(runs, others, idle);
  const untold = onOthers?.changes.map(({ tensor }) => tensor) ?? idle;
  return { inserted, ...real, untold, untoldAt: onOthers?.point ?? first };
}

/** How tensors change a site's sum on some operands; null if its nodes do not run alone. */
async function changesAt(
  runs: LearningRuns,
  at: SiteOperands,
  tensors: readonly DenseTensor[],
): Promise<Pick<LostAtSite, "point" | "dims" | "changes"> | null> {
  const { ort, result, plan, start } = runs;
  const { inserted } = at;
  const sumsAt = (point: Point, some: readonly DenseTensor[]) =>
    runSums(ort, result, inserted.site, displacedSets(runs, point, at, some));
  const all = Object.values(inserted.parameters);
  const movers = effectsOf(await sumsAt(start, all), all).map(({ tensor }) => tensor);
  const values = displaced(start.values, movers, {
    seed: plan.options.seed,
    round: "all",
    scale: 1,
  });
  const point = pointAt(runs, { values, round: "then", scale: 1 });
  const sums = await sumsAt(point, tensors);
  return sums && { point, dims: sums[0].dims, changes: changesOf(sums, tensors) };
}

const changesOf = ([still, ...others]: readonly Tensor[], tensors: readonly DenseTensor[]) => {
  const before = numbersIn(still);
  const most = largestOf(Float64Array.from(before));
  return tensors
    .map((tensor, k) => ({
      ...{ tensor, most },
      change: Float64Array.from(numbersIn(others[k]), (number, at) => number - before[at]),
    }))
    .filter(({ change }) => change.some((number) => number !== 0));
};

/** Whether a tensor moves an output from a point at which all other sites are neutral. */
async function moves(
  runs: LearningRuns,
  point: Point,
  outputs: readonly string[],
  tensor: DenseTensor,
): Promise<boolean> {
  const still = await runs.running(point.feeds, outputs);
  return arrives(runs, { point, still }, outputs, moved(runs, point, tensor));
}
