import { compareTensors } from "../../src/compare/difference.ts";
import { roundoff } from "../../src/graph/tensor.ts";
import { withTaps } from "../../src/ort/expose.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { dtypeOf } from "../../src/ort/tensors.ts";
import { displaced, type Values } from "./displacing.ts";
import type { Effect } from "./effects.ts";
import { effectsAt, type LearningRuns, moved, pointAt } from "./learning-runs.ts";
import { withRuns } from "./weighted-runs.ts";

/** Units of rounding, of a value's largest element, below which the next site may lose a change. */
const FADED = 64;

/**
 * Those of the named tensors that change their site's sum, at the start or once others have moved,
 * while a change of that sum gets smaller from site to site until rounding loses it: their gradients
 * are not zero, but too small to be seen. A change that is lost all at once (multiplied by zero,
 * masked) is none of these.
 */
export async function fadingTensors(
  runs: LearningRuns,
  start: Values,
  names: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const taps = runs.waypoints
    .filter(({ site }) => site.scope.kind === "main")
    .map(({ site }) => ({ value: site.output, dtype: site.dtype }));
  const sums = [...new Set(taps.map(({ value }) => value.name))];
  if (sums.length === 0) return new Set();
  const point = pointAt(runs, { values: start, round: "first", scale: 1 });
  const early = await effectsAt(runs, point, new Set(start.keys()));
  const late = await lateEffects(runs, start, early.flat());
  const { file } = withTaps(runs.file, taps);
  return withRuns(runs.ort, file, runs.inside, async (running) => {
    const still = await running(point.feeds, sums);
    const faded = new Set<string>();
    for (const [k, effects] of early.entries()) {
      const moving = [...effects, ...late[k]].map(({ tensor }) => tensor.name);
      const lost = moving.filter((name) => names.has(name));
      if (lost.length === 0 || effects.length === 0) continue;
      const feeds = { ...point.feeds, ...moved(runs, point, effects[0].tensor) };
      if (fades(still, await running(feeds, sums))) for (const name of lost) faded.add(name);
    }
    return faded;
  });
}

/** What all tensors do to their sums once those that do so from the start have moved. */
function lateEffects(
  runs: LearningRuns,
  start: Values,
  early: readonly Effect[],
): Promise<Effect[][]> {
  const { seed } = runs.plan.options;
  const tensors = early.map(({ tensor }) => tensor);
  const values = displaced(start, tensors, { seed, round: "all", scale: 1 });
  const point = pointAt(runs, { values, round: "then", scale: 1 });
  return effectsAt(runs, point, new Set(start.keys()));
}

/** Whether the smallest change of all is near rounding. */
const fades = (still: Tensors, got: Tensors): boolean =>
  Object.entries(still).some(([name, tensor]) => {
    const { bitEqual, relative } = compareTensors(tensor, got[name]);
    return !bitEqual && relative <= FADED * roundoff(dtypeOf(tensor));
  });
