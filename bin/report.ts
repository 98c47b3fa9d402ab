import type { Check, Laurelized, Proof } from "../src/index.ts";
import { siteJson } from "../src/index.ts";
import { describeCheck, failures, notFinite } from "./check-lines.ts";
import { parameters } from "./parameters.ts";
import { crashLines, marks, sampleLines } from "./report-notes.ts";
import type { Crash } from "./supervise.ts";
import { crashes } from "./supervision.ts";
import { addedWeights, counted, headline, sums } from "./text.ts";

/** The first lines: the model, its sites, what is inserted. */
export const summary = (name: string, laurel: Laurelized): string =>
  [headline(name, laurel.original), sums(laurel.found, false), insertedLine(laurel)].join("\n");

/** "rw+lr, rank 16: 4,238 new weights (+3.17 %)". */
export function insertedLine(laurel: Laurelized): string {
  const { plan, found } = laurel;
  const { added, percent } = parameters(laurel);
  const ranked = plan.parts.some((part) => part.name !== "rw") ? `, rank ${plan.options.rank}` : "";
  const some =
    plan.sites.length < found.sites.length ? ` at ${counted(plan.sites.length, "site")}` : "";
  return `${plan.variant}${ranked}${some}: ${addedWeights(added, percent)}`;
}

/** A line for each check, and one for everything that failed. */
export function proofLines(
  { checks, leftOut, sample }: Proof,
  crashes: readonly Crash[] = [],
): string {
  const lines = checks.flatMap((check) => {
    const head = `${marks[check.outcome]} ${check.name.padEnd(22)}`;
    return check.outcome === "not run"
      ? [`${head}not run: ${check.reason}`]
      : [head + describeCheck(check), ...failures(check), ...notFinite(check)];
  });
  return [
    ...lines,
    ...sampleLines(sample),
    ...crashLines(crashes),
    ...(leftOut ? [`  ${"not checked".padEnd(22)}${leftOut}`] : []),
  ].join("\n");
}

/** Why nothing is written: what failed, or else what was not proved. */
export function unproved({ checks }: Proof): string {
  const names = (outcome: Check["outcome"]) =>
    checks.filter((check) => check.outcome === outcome).map(({ name }) => `"${name}"`);
  const [failed, missing] = [names("failed"), names("not run")];
  if (failed.length > 0) return `a check failed (${failed.join(", ")})`;
  const way =
    missing.join() === '"a second opinion"' ? "leave --also-web out" : "--no-prove writes it so";
  return `not everything was proved: ${missing.join(", ")} could not run (${way})`;
}

/** What `--json` prints. */
export const asJson = (
  laurel: Laurelized,
  {
    input,
    output,
    proof,
  }: { readonly input: string; readonly output: string | null; readonly proof: Proof | null },
) => ({
  input,
  output,
  variant: laurel.plan.variant,
  options: laurel.plan.options,
  sites: laurel.plan.sites.map(({ site }) => siteJson(site)),
  parameters: parameters(laurel),
  opened: {
    calls: laurel.opened.calls,
    nodes: laurel.opened.nodes.map(({ message, op }) => ({
      name: message.name || message.outputs[0],
      op,
    })),
  },
  dataFiles: laurel.model.dataFiles,
  verification: proof,
  /** Times that onnxruntime ended the process; each time all was run again one level lower. */
  crashes: crashes(),
  warnings: laurel.warnings,
});
