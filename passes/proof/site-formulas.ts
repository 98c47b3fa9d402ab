import { outward } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { stepper } from "../../src/ort/abortable.ts";
import type { Tensors } from "../../src/ort/session.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import type { ProofOptions } from "./checks.ts";
import { checkSum, type FormulaReport, formulaRun } from "./formula.ts";
import type { Captured } from "./operands.ts";
import { checkSite } from "./site-check.ts";
import type { Subject } from "./site-nodes.ts";
import type { SiteSums } from "./sums-together.ts";
import { holdsNumbers } from "./visibility.ts";

/** The formula at every site, and what runs of the original also show of the sites. */
interface SiteFormulas {
  readonly sites: readonly FormulaReport[];
  /** The inputs that reach a site, if some do. */
  readonly reached: ReadonlyMap<InsertedSite, Tensors>;
  /** Sites whose operands hold no finite number in the original. */
  readonly notFinite: readonly InsertedSite[];
}

/** Where the operands of sites come from. */
interface OperandRuns {
  readonly feeds: readonly Tensors[];
  /** The plan's sites, as many at once as fit in memory. */
  readonly groups: readonly (readonly InsertedSite[])[];
  readonly captured: (
    sites: readonly InsertedSite[],
  ) => Promise<ReadonlyMap<InsertedSite, Captured>>;
  readonly sums: SiteSums;
}

/** Checks the formula at every site, on the operands of a real run if the inputs reach it. */
export async function checkFormulas(
  subject: Subject,
  { feeds, groups, captured, sums: together }: OperandRuns,
  options: ProofOptions,
): Promise<SiteFormulas> {
  const { result, plan } = subject;
  const progress = stepper(options);
  const reports = new Map<InsertedSite, FormulaReport>();
  const reached = new Map<InsertedSite, Tensors>();
  const notFinite: InsertedSite[] = [];
  for (const batch of groups) {
    progress(0.4 + (0.2 * reports.size) / plan.sites.length, "right formula");
    const runs = await captured(batch);
    for (const inserted of batch) {
      const run = runs.get(inserted);
      const by = run?.feeds ?? (alwaysRuns(inserted) ? feeds[0] : null);
      if (by) reached.set(inserted, by);
      if (run && lacksNumbers(run)) notFinite.push(inserted);
      if (run) continue;
      // A site that no input reaches is checked on random operands: its first sum and the formula.
      const { start, formula } = await checkSite(subject, inserted, options);
      reports.set(inserted, { ...formula, passed: formula.passed && start.passed });
    }
    const asked = [...runs].map(([inserted, { operands }]) => {
      const run = formulaRun(subject, inserted, operands);
      return { ...run, site: inserted.site, sets: [run.given] };
    });
    for await (const { asked: run, sums } of together.of(result, asked))
      reports.set(run.inserted, await checkSum(subject, run, sums ? sums[0] : null));
  }
  return { sites: plan.sites.map((inserted) => reports.get(inserted)!), reached, notFinite };
}

const lacksNumbers = ({ operands }: Captured) =>
  Object.values(operands).some((each) => each.data.length > 0 && !holdsNumbers(each));

/** Whether a site lies in bodies that run whatever the inputs are, and give no values out of them. */
const alwaysRuns = ({ site }: InsertedSite) => {
  const owners = [...outward(site.scope)].flatMap(({ owner }) => owner ?? []);
  return (
    owners.length > 0 && owners.every(({ op }) => op === "SequenceMap" || hasFact(op, "search"))
  );
};
