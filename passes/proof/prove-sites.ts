import { notRun, ran } from "../../src/compare/outcome.ts";
import type { Types } from "../../src/graph/graph.ts";
import { stepper } from "../../src/ort/abortable.ts";
import type { Plan } from "../laurelize/plan.ts";
import type { Proof, ProofOptions } from "./checks.ts";
import type { FormulaReport } from "./formula.ts";
import { checkSite, type SiteReport } from "./site-check.ts";
import { operandsOf, type Subject } from "./site-nodes.ts";
import { checkUnchanged } from "./unchanged.ts";

const LEFT_OUT =
  "that the outputs of the whole model are the same and that every new tensor moves them: no whole model was run";

/**
 * Proves a result at its sites, each run alone, without a whole model in memory. The sum must be
 * the same as before and follow the paper's formula once its weights are not neutral, and nothing
 * else in the file may have changed.
 */
export async function proveSites(
  subject: Subject,
  types: Types,
  options: ProofOptions = {},
): Promise<Proof> {
  const checks = await siteChecks(subject, options);
  options.onProgress?.(1, "done");
  const passed = checks.every(({ outcome }) => outcome === "passed");
  return { passed, checks, leftOut: LEFT_OUT + unsized(types, subject.plan), sample: null };
}

/** Returns a clause on sites whose operands may be broadcast, because not all sizes are known; or "". */
function unsized(types: Types, { sites }: Plan): string {
  const { length } = sites.filter((inserted) =>
    operandsOf(inserted).some((value) => {
      const shape = types.get(value)?.shape;
      return !shape || shape.some((dim, axis) => dim === "" || dim !== inserted.site.shape[axis]);
    }),
  );
  const who = length === 1 ? "an operand of 1 site has" : `operands of ${length} sites have`;
  return length === 0 ? "" : `; nor that ${who} the sum's shape, of which not every size is known`;
}

/** Proves what can be proved of a result that onnxruntime has no kernels to run. */
export async function proveUnrun(
  subject: Subject,
  why: string,
  options: ProofOptions = {},
): Promise<Proof> {
  const checks: Proof["checks"] = [
    { name: "same function", ...notRun(why) },
    ...(await siteChecks(subject, options)),
    { name: "it can learn", ...notRun("no whole model was run") },
  ];
  options.onProgress?.(1, "done");
  return { passed: false, checks, leftOut: null, sample: null };
}

async function siteChecks(subject: Subject, options: ProofOptions): Promise<Proof["checks"]> {
  const { original, result, plan } = subject;
  const progress = stepper(options);
  const starts: SiteReport[] = [];
  const formulas: FormulaReport[] = [];
  for (const [k, inserted] of plan.sites.entries()) {
    progress(k / plan.sites.length, "sites");
    const { start, formula } = await checkSite(subject, inserted, options);
    starts.push(start);
    formulas.push(formula);
  }
  const all = (reports: readonly { readonly passed: boolean }[]) =>
    reports.every(({ passed }) => passed);
  return [
    { name: "same sum at each site", ...ran(all(starts), { sites: starts }) },
    { name: "right formula", ...ran(all(formulas), { sites: formulas }) },
    { name: "nothing else changed", ...checkUnchanged(original, result, plan) },
  ];
}
