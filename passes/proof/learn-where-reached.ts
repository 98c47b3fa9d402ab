import { notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { pathOf } from "../../src/graph/scopes.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import type { Augmented } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";
import { type Asked, canLearn, type LearningReport, newTensors } from "./learning.ts";

/**
 * Asks of every site whether its new tensors can learn, on the inputs that reach it: those of a
 * branch can only be told by inputs that take it. Where none does the check is not run, which is
 * said with what holds at the other sites.
 */
export async function learnWhereReached(
  ort: Ort,
  result: Graph,
  { plan: whole, groups, judged, notFinite }: Asked & { readonly notFinite: readonly Augmented[] },
  reachedBy: (augmented: Augmented) => Tensors | null,
  progress: (done: number) => void,
): Promise<Outcome<LearningReport>> {
  const left = notFinite.map(({ site }) => site.name);
  const plan = { ...whole, sites: whole.sites.filter((each) => !notFinite.includes(each)) };
  if (plan.sites.length === 0) return notRun("no site's sum holds a finite number in the original");
  const inputs = new Set(plan.sites.map(reachedBy).filter((feeds) => feeds !== null));
  const first = new Set<string>();
  const moving = new Set<string>();
  let bySums = false;
  let done = 0;
  for (const feeds of inputs) {
    const here = (augmented: Augmented) =>
      reachedBy(augmented) === feeds && !notFinite.includes(augmented);
    const part = { ...plan, sites: plan.sites.filter(here) };
    const some = groups.map((group) => group.filter(here)).filter((group) => group.length > 0);
    const share = part.sites.length / plan.sites.length;
    const report = await canLearn(ort, result, { plan: part, groups: some, judged }, feeds, (of) =>
      progress(done + of * share),
    );
    done += share;
    if (report.outcome === "not run") return report;
    for (const name of report.first) first.add(name);
    for (const { name } of newTensors(part.sites))
      if (!report.dead.includes(name)) moving.add(name);
    bySums ||= report.bySums;
  }
  const reached = plan.sites.filter((augmented) => reachedBy(augmented) !== null);
  const names = newTensors(reached).map(({ name }) => name);
  const dead = names.filter((name) => !moving.has(name));
  if (dead.length === 0 && reached.length < plan.sites.length)
    return notRun(unreached(plan, reached, names.length));
  return ran(dead.length === 0, {
    tensors: names.length,
    first: [...first],
    dead,
    bySums,
    notFinite: left,
    before: judged.filter((name) => !result.main.outputs.some((output) => output.name === name)),
  });
}

function unreached({ sites }: Plan, reached: readonly Augmented[], tensors: number): string {
  const left = sites.filter((augmented) => !reached.includes(augmented));
  const where = [...new Set(left.map(({ site }) => pathOf(site.scope)))].join(", ");
  const others =
    reached.length === 0 ? "" : `; at the others all ${tensors} new tensors move the output`;
  return `no sample input is seen to reach ${left.length} of ${sites.length} sites (${where}): give inputs that do with --inputs${others}`;
}
