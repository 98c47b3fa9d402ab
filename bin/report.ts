import type { Laurelized, Proof } from "../src/index.ts";
import { siteJson } from "../src/index.ts";
import { describeCheck, failures, notFinite } from "./check-lines.ts";
import { insertedLine, parameters } from "./parameters.ts";
import { crashLines, marks, sampleLines } from "./report-notes.ts";
import type { Crash } from "./supervise.ts";
import { crashes } from "./supervision.ts";
import { headline, sums } from "./text.ts";

/** The first lines: the model, its sites, what is inserted. */
export const summary = (name: string, laurel: Laurelized): string =>
  [headline(name, laurel.original), sums(laurel.found, false), insertedLine(laurel)].join("\n");

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
  lowered: {
    calls: laurel.lowered.calls,
    nodes: laurel.lowered.nodes.map(({ message, op }) => ({
      name: message.name || message.outputs[0],
      op,
    })),
  },
  dataFiles: laurel.model.dataFiles,
  proof,
  /** Times that onnxruntime ended the process; each time all was run again one level lower. */
  crashes: crashes(),
  warnings: laurel.warnings,
});
