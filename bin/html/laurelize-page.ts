import {
  type Laurelized,
  ladderOf,
  type Model,
  type NoSiteError,
  type Proof,
} from "../../src/index.ts";
import { unproved } from "../check-lines.ts";
import { tableSection } from "./markup.ts";
import { proofSection } from "./proof-sections.ts";
import type { ReportContents } from "./report-page.ts";

/** Returns what a report says of a laurelized model. */
export function laurelizePage(laurel: Laurelized, proof: Proof | null): ReportContents {
  const { plan, original } = laurel;
  const options = Object.entries({ variant: plan.variant, ...plan.options });
  return {
    title: `${original.source.name} with LAuReL`,
    verdict: proof
      ? proof.passed
        ? { outcome: "passed", text: "Proved: every check passed." }
        : { outcome: "failed", text: `Not written: ${unproved(proof)}.` }
      : { outcome: "unsure", text: "Not proved (--no-prove)." },
    ladder: ladderOf(laurel.found, laurel.model),
    sections: [
      ...(proof ? [proofSection(proof)] : []),
      ...tableSection("Options", "What is inserted", options, {
        option: ([name]) => name,
        value: ([, value]) => String(value),
      }),
    ],
    warnings: laurel.warnings,
    models: [original],
  };
}

/** Returns what a report says of a model in which no site is found, or none is chosen. */
export const noSitePage = (model: Model, { found, message }: NoSiteError): ReportContents => ({
  title: model.source.name,
  verdict: { outcome: "failed", text: `Nothing is written: ${message}` },
  ladder: ladderOf(found, model),
  sections: [],
  warnings: found.warnings,
  models: [model],
});
