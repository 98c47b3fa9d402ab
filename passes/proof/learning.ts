import { notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import { exposeInner, withOutputs } from "../../src/ort/expose.ts";
import { withFixedSeeds } from "../../src/ort/fixed-seeds.ts";
import { withWeightsAsInputs } from "../../src/ort/loading.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { displaced, newTensors, type Values, valuesIn } from "./displacing.ts";
import { type Movement, within } from "./effects.ts";
import {
  type Asked,
  arrives,
  atRunningScale,
  effectsAt,
  knownAt,
  type LearningRuns,
  moved,
  pointAt,
  roundAt,
  SCALES,
} from "./learning-runs.ts";
import { operandValues } from "./operands.ts";
import { Passing } from "./passing.ts";
import { secondVerdicts } from "./unfelt.ts";
import { visibilityOf } from "./visibility.ts";
import { withRuns } from "./weighted-runs.ts";

/** Whether gradients would reach every new tensor, as displacing them shows. */
export interface LearningReport {
  /** New tensors in all. */
  readonly tensors: number;
  /** Those that change the output from the start; the others follow once these have moved. */
  readonly first: readonly string[];
  /** Those that change nothing even then. */
  readonly dead: readonly string[];
  /** Those whose change of the sum does not reach the output on these inputs, in the original either. */
  readonly unfelt: readonly string[];
  /** Those whose own change is lost in rounding, while a larger one moves the output. */
  readonly faint: readonly string[];
  /** The outputs depend on no new tensor, or hold no number, so the last sum was watched instead. */
  readonly bySums: boolean;
  /** Sites that are left out: the original's own sum holds no finite number there. */
  readonly notFinite: readonly string[];
  /** Values that were watched beside the outputs: the last floats before labels and indices. */
  readonly before: readonly string[];
}

/** The same for sites that one run reaches. */
export type MovingReport = Omit<LearningReport, "tensors" | "notFinite">;

/** The input of the check, and runs on the same inputs that are open already. */
export interface AskedToLearn extends Asked {
  readonly started: LearningRuns | null;
}

/**
 * Displaces the new tensors at random, with optimizations disabled: (i) each alone at the start;
 * (ii) those that changed the output, all together; (iii) from there each of the others alone. A
 * tensor that has not changed the output by then has a zero gradient for good, as with γ = 0
 * together with B = 0. The effect of a tensor on its site's sum is computed by the site's nodes
 * alone. If an effect changes an output, so does every larger one: one that changes at least the
 * same elements of the sum, each by at least as much. So the whole model runs only for a site's
 * least effect, and for others that are not larger than one that is known to change an output.
 * Steps (ii) and (iii) are left out for a tensor whose effect, with its site's first movers
 * displaced, is larger than such a one of step (i).
 */
export async function canLearn(
  asked: AskedToLearn,
  feeds: Tensors,
): Promise<Outcome<MovingReport>> {
  const report = await canMove(asked, feeds);
  const isSeen = report.outcome === "passed" && !report.bySums;
  if (isSeen || report.outcome === "not run" || asked.stepped.length === 0) return report;
  const comparable = [...new Set([...asked.comparable, ...asked.stepped])];
  const again = { ...asked, comparable, stepped: [], started: null };
  const more = await canMove(again, feeds);
  return report.outcome === "passed" && more.outcome !== "passed" ? report : more;
}

const canMove = ({ started, ...asked }: AskedToLearn, feeds: Tensors) =>
  started?.plan.sites.length === asked.plan.sites.length
    ? learn(started)
    : withLearningRuns(asked, feeds, learn);

/** Runs the result with its initial weights, and calls `work` with what displaces them from there. */
export function withLearningRuns<T>(
  asked: Asked,
  feeds: Tensors,
  work: (runs: LearningRuns) => Promise<T>,
): Promise<T> {
  const { ort, result, plan, comparable } = asked;
  const tensors = newTensors(plan.sites);
  const names = tensors.map(({ name }) => name);
  const inside = new Set(names.filter((name) => !result.main.values.has(name)));
  const fed = withWeightsAsInputs(
    result,
    names.filter((name) => !inside.has(name)),
  );
  const sums = plan.sites.map(({ site: { output, dtype } }) => ({ value: output, dtype }));
  const exposed = exposeInner(fed, [...operandValues(plan.sites), ...sums]);
  const last = exposed.outputOf(plan.sites.at(-1)!.site.output);
  const file = withFixedSeeds(withOutputs(exposed.file, comparable));
  const values = valuesIn(result, tensors);
  return withRuns(ort, file, inside, async (running) => {
    const runs = { ...asked, feeds, tensors, exposed, last, running };
    return work({ ...runs, start: await knownAt(runs, { values, round: "first", scale: 1 }) });
  });
}

async function learn(runs: LearningRuns): Promise<Outcome<MovingReport>> {
  const { result, tensors } = runs;
  const { values: start } = runs.start;
  const visibility = await visibilityOf(
    runs,
    await roundAt(runs, runs.start, new Set(start.keys())),
  );
  if (typeof visibility === "string") return notRun(visibility);
  const { discrete, bySums, passing } = visibility;
  const early = await movers(runs, passing);
  const first = tensors.filter(({ name }) => early.has(name));
  const together = (scale: number) =>
    displaced(start, first, { seed: runs.plan.options.seed, round: "all", scale });
  const later = new Set(tensors.flatMap(({ name }) => (early.has(name) ? [] : [name])));
  let left = await withoutFollowing(runs, passing, together(1), later);
  // A large step may saturate the output.
  for (const scale of SCALES) {
    if (left.size === 0) break;
    left = await still(runs, passing, together(scale), left).catch((thrown) => {
      if (scale === SCALES.at(-1)) throw thrown;
      return left;
    });
  }
  if (left.size > 0 && discrete && !bySums)
    return notRun(
      `the outputs hold only integers or texts, and ${left.size} of ${tensors.length} new tensors are not seen to change them`,
    );
  const lastWatched = runs.stepped.length === 0 ? left : new Set<string>();
  const told = await secondVerdicts(runs, passing.outputs, lastWatched);
  const [dead, unfelt, faint] = [undefined, "unfelt", "faint"].map((verdict) =>
    [...left].filter((name) => told.get(name) === verdict),
  );
  return ran(dead.length + unfelt.length === 0, {
    ...{ first: first.map(({ name }) => name), dead, unfelt, faint },
    bySums,
    before: runs.comparable.filter(
      (name) => !result.main.outputs.some((output) => output.name === name),
    ),
  });
}

/**
 * Returns the named tensors without those whose effect on their site's sum, with its first movers
 * displaced, is at least as large as a movement that reached an output at the start.
 */
async function withoutFollowing(
  runs: LearningRuns,
  passing: Passing,
  values: Values,
  names: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const { start, groups } = runs;
  if (groups.length !== 1 || names.size === 0) return names;
  const point = { ...pointAt(runs, { values, round: "then", scale: 1 }), known: start.known };
  const left = new Set(names);
  for (const [k, effects] of (await effectsAt(runs, point, names)).entries())
    for (const { tensor, change } of effects)
      if (change && passing.arrives(groups[0][k], change)) left.delete(tensor.name);
  return left;
}

/** Those of the named tensors that move nothing from a point. */
async function still(
  runs: LearningRuns,
  { outputs, round: { point: from } }: Passing,
  values: Values,
  names: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const point = await knownAt(runs, { values, round: "then", scale: from.scale });
  const alive = await movers(runs, new Passing(runs, await roundAt(runs, point, names), outputs));
  return new Set([...names].filter((name) => !alive.has(name)));
}

/** Those of a round's tensors whose displacement changes one of the outputs; some may be known. */
async function movers(runs: LearningRuns, passing: Passing): Promise<ReadonlySet<string>> {
  const { round, outputs, sent } = passing;
  const arrived = new Set<string>(sent);
  for (const [k, inserted] of runs.groups.flat().entries()) {
    const weaker: Movement[] = [];
    for (const { tensor, change } of round.effects[k])
      if (
        arrived.has(tensor.name) ||
        (change !== null &&
          (weaker.some((each) => within(each, change)) ||
            passing.arrives(inserted, change) ||
            (await passing.send(inserted, tensor)))) ||
        (await atRunningScale(round.point.scale, (scale) =>
          arrives(runs, round, outputs, moved(runs, { ...round.point, scale }, tensor)),
        ))
      ) {
        arrived.add(tensor.name);
        if (change) weaker.push(change);
      }
    runs.step();
  }
  return arrived;
}
