import { notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import { groupBy } from "../../src/entry.ts";
import { pathOf } from "../../src/graph/scopes.ts";
import type { Tensors } from "../../src/ort/session.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";
import { newTensors } from "./displacing.ts";
import { type AskedToLearn, canLearn, type LearningReport, type MovingReport } from "./learning.ts";
import type { Asked } from "./learning-runs.ts";
import { fitTogether } from "./operands.ts";

/** The input of the check on sites that inputs may reach or not. */
interface AskedWhereReached extends AskedToLearn {
  /** Sites that are left out. */
  readonly notFinite: readonly InsertedSite[];
  /** The inputs that reach a site, for those that some do. */
  readonly reached: ReadonlyMap<InsertedSite, Tensors>;
}

/**
 * Checks whether the new tensors of every site can learn, on inputs that reach the site, such as
 * those that take its branch of an If. The check counts as not run if no inputs reach a site, or if
 * the output does not depend on what a tensor changes. Its reason says what holds at the other
 * sites.
 */
export async function learnWhereReached({
  notFinite,
  reached: reachedBy,
  ...asked
}: AskedWhereReached): Promise<Outcome<LearningReport>> {
  const sites = asked.plan.sites.filter((each) => !notFinite.includes(each));
  const plan = { ...asked.plan, sites };
  if (sites.length === 0) return notRun("no site's sum holds a finite number in the original");
  const reports: MovingReport[] = [];
  const moving = new Set<string>();
  for (const { feeds, groups } of partsOf(asked.groups, sites, reachedBy)) {
    const part = { ...plan, sites: groups.flat() };
    const report = await canLearn({ ...asked, groups, plan: part }, feeds);
    if (report.outcome === "not run") return report;
    reports.push(report);
    const lost = new Set([...report.dead, ...report.unfelt]);
    for (const { name } of newTensors(part.sites)) if (!lost.has(name)) moving.add(name);
  }
  const reached = sites.filter((inserted) => reachedBy.has(inserted));
  const names = newTensors(reached).map(({ name }) => name);
  const isUnfelt = new Set(reports.flatMap(({ unfelt }) => unfelt));
  const lost = names.filter((name) => !moving.has(name));
  const dead = lost.filter((name) => !isUnfelt.has(name));
  const unfelt = lost.filter((name) => isUnfelt.has(name));
  if (dead.length === 0 && unfelt.length > 0)
    return notRun(independent(reached, unfelt, names.length));
  if (dead.length === 0 && reached.length < sites.length)
    return notRun(unreached(plan, reached, names.length));
  return ran(dead.length === 0, {
    tensors: names.length,
    first: [...new Set(reports.flatMap(({ first }) => first))],
    dead,
    unfelt,
    faint: [...new Set(reports.flatMap(({ faint }) => faint))],
    bySums: reports.some(({ bySums }) => bySums),
    notFinite: notFinite.map(({ site }) => site.name),
    before: [...new Set(reports.flatMap(({ before }) => before))],
  });
}

/**
 * Returns inputs with the groups of sites that they reach, which are checked together. If not all
 * operands fit in memory, each group is a part of its own, because a session keeps all that it can
 * output until a run ends.
 */
function partsOf(
  groups: Asked["groups"],
  sites: readonly InsertedSite[],
  inputs: AskedWhereReached["reached"],
) {
  const byInputs = groupBy(sites, (inserted) => inputs.get(inserted));
  return [...byInputs].flatMap(([feeds, together]) => {
    if (!feeds) return [];
    const part = new Set(together);
    const reached = groups
      .map((group) => group.filter((inserted) => part.has(inserted)))
      .filter((group) => group.length > 0);
    return fitTogether(reached)
      ? [{ feeds, groups: reached }]
      : reached.map((group) => ({ feeds, groups: [group] }));
  });
}

/** Site names that a sentence lists. */
const LISTED = 3;

function independent(
  sites: readonly InsertedSite[],
  unfelt: readonly string[],
  tensors: number,
): string {
  const at = sites.filter(({ parameters }) =>
    Object.values(parameters).some(({ name }) => unfelt.includes(name)),
  );
  const names = at.slice(0, LISTED).map(({ site }) => site.name);
  const where = at.length > LISTED ? `${names.join(", ")}, …` : names.join(", ");
  const others = tensors - unfelt.length;
  return `the output does not depend on what ${unfelt.length} new tensors change in the sum of ${at.length} of ${sites.length} sites (${where}): on these inputs, in the original too, it is multiplied by zero, cut off or lost in rounding; give other inputs with --inputs${others > 0 ? `; the other ${others} of ${tensors} new tensors move it` : ""}`;
}

function unreached({ sites }: Plan, reached: readonly InsertedSite[], tensors: number): string {
  const left = sites.filter((inserted) => !reached.includes(inserted));
  const where = [...new Set(left.map(({ site }) => pathOf(site.scope)))].join(", ");
  const others =
    reached.length === 0 ? "" : `; at the others all ${tensors} new tensors move the output`;
  return `no sample input is seen to reach ${left.length} of ${sites.length} sites (${where}): give inputs that do with --inputs${others}`;
}
