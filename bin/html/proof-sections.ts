import type { Check, FoldProof, FunctionReport, Outcome, Proof } from "../../src/index.ts";
import { describeCheck, describeFunction, sampleText } from "../check-lines.ts";
import { bullets, paragraph, type Section, table } from "./markup.ts";

/** Returns what was proved of a result: each check with its figures, then what was measured. */
export function proofSection({ checks, leftOut, sample }: Proof): Section {
  const content = [
    table("Each check, what was measured, and its outcome", checks, {
      check: ({ name }) => name,
      measured: describeCheck,
      outcome: ({ outcome }) => (outcome === "not run" ? "" : outcome === "passed"),
    }),
    ...(sample ? [paragraph(`${sampleText(sample)}.`)] : []),
    ...(leftOut ? [paragraph(`Not checked: ${leftOut}.`)] : []),
    ...checks.flatMap(figuresOf),
  ];
  return { title: "Proof", content: content.join("\n") };
}

const FORMULA = "each site, its largest difference from the formula, and the bound";
const PLAIN_SUM = "LAuReL against the plain sum, on random operands";

function figuresOf(check: Check): string[] {
  if (check.outcome === "not run") return [];
  switch (check.name) {
    case "same function":
    case "a second opinion":
    case "same when lowered":
      return [outputsTable(`${check.name}: outputs`, check.outputs)];
    case "right formula":
      return [
        table(`${check.name}: ${FORMULA}`, check.sites, {
          site: ({ site }) => site,
          difference: ({ difference }) => difference,
          bound: ({ bound }) => bound,
          outcome: ({ passed }) => passed,
        }),
      ];
    case "same sum at each site":
      return [
        table(`${check.name}: ${PLAIN_SUM}`, check.sites, {
          site: ({ site }) => site,
          difference: ({ difference }) => difference?.absolute ?? "not run",
          ULP: ({ difference }) => difference?.ulps ?? "",
          outcome: ({ passed }) => passed,
        }),
      ];
    case "it can learn":
      return [
        ...named("Never move the output:", check.dead),
        ...named("Without effect on the output on these inputs:", check.unfelt),
      ];
    default:
      return check.differences.length > 0 ? [bullets(check.differences)] : [];
  }
}

const named = (what: string, names: readonly string[]) =>
  names.length > 0 ? [paragraph(what), bullets(names)] : [];

/** Returns each output: how far two models are apart, and the tolerance. */
export const outputsTable = (caption: string, outputs: FunctionReport["outputs"]): string =>
  table(caption, outputs, {
    output: ({ output }) => output,
    "unoptimized difference": ({ plain }) => plain.absolute,
    ULP: ({ plain }) => plain.ulps,
    "optimized difference": ({ optimized }) => optimized.absolute,
    "the model's own noise": ({ noise }) => noise,
    tolerance: ({ tolerance }) => tolerance,
    outcome: ({ passed }) => passed,
  });

/** Returns what was measured of two runs. */
export function functionSection(
  title: string,
  report: Outcome<FunctionReport & { readonly dims?: Readonly<Record<string, number>> }>,
): Section {
  if (report.outcome === "not run")
    return { title, content: paragraph(`Not run: ${report.reason}.`) };
  return {
    title,
    content: [paragraph(describeFunction(report)), outputsTable("Outputs", report.outputs)].join(
      "\n",
    ),
  };
}

/** Returns what was proved of a folded model. */
export function foldProofSections({ function: same, float64 }: FoldProof): Section[] {
  const double =
    float64.outcome === "not run"
      ? paragraph(`Not run: ${float64.reason}.`)
      : table("Both models cast to double", [float64], {
          "largest difference": ({ difference }) => difference,
          tolerance: ({ tolerance }) => tolerance,
          outcome: ({ outcome }) => outcome === "passed",
        });
  return [
    functionSection("Proof: same function", same),
    { title: "Proof: same in float64", content: double },
  ];
}
