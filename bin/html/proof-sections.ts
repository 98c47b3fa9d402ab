import type { Check, FoldProof, FunctionReport, Outcome, Proof } from "../../src/index.ts";
import { describeCheck, describeFunction } from "../check-lines.ts";
import { bullets, type CellValue, paragraph, type Section, table } from "./markup.ts";

/** Returns what was proved of a result: each check with its figures, then what was measured. */
export function proofSection({ checks, leftOut, sample }: Proof): Section {
  const rows = checks.map((check): CellValue[] =>
    check.outcome === "not run"
      ? [check.name, `not run: ${check.reason}`, ""]
      : [check.name, describeCheck(check), check.outcome === "passed"],
  );
  return {
    title: "Proof",
    content: [
      table(
        "Each check, what was measured, and its outcome",
        ["check", "measured", "outcome"],
        rows,
      ),
      ...(sample
        ? [
            paragraph(
              `"right formula" and "it can learn" checked ${sample.sites} of ${sample.of} sites, drawn with seed ${sample.seed}.`,
            ),
          ]
        : []),
      ...(leftOut ? [paragraph(`Not checked: ${leftOut}.`)] : []),
      ...checks.flatMap(figuresOf),
    ].join("\n"),
  };
}

function figuresOf(check: Check): string[] {
  if (check.outcome === "not run") return [];
  switch (check.name) {
    case "same function":
    case "a second opinion":
    case "same when lowered":
      return [outputsTable(`${check.name}: outputs`, check.outputs)];
    case "right formula":
      return [
        table(
          "right formula: each site, its largest difference from the formula, and the bound",
          ["site", "difference", "bound", "outcome"],
          check.sites.map(({ site, difference, bound, passed }) => [
            site,
            difference,
            bound,
            passed,
          ]),
        ),
      ];
    case "same sum at each site":
      return [
        table(
          "same sum at each site: LAuReL against the plain sum, on random operands",
          ["site", "difference", "ULP", "outcome"],
          check.sites.map(({ site, difference, passed }) => [
            site,
            difference?.absolute ?? "not run",
            difference?.ulps ?? "",
            passed,
          ]),
        ),
      ];
    case "it can learn":
      return [
        ...(check.dead.length > 0
          ? [paragraph("Never move the output:"), bullets(check.dead)]
          : []),
        ...(check.unfelt.length > 0
          ? [paragraph("Not felt by the output at these inputs:"), bullets(check.unfelt)]
          : []),
      ];
    default:
      return check.differences.length > 0 ? [bullets(check.differences)] : [];
  }
}

/** Returns each output: how far two models are apart, and the tolerance. */
export const outputsTable = (caption: string, outputs: FunctionReport["outputs"]): string =>
  table(
    caption,
    [
      "output",
      "unoptimized difference",
      "ULP",
      "optimized difference",
      "the model's own noise",
      "tolerance",
      "outcome",
    ],
    outputs.map(({ output, plain, optimized, noise, tolerance, passed }) => [
      output,
      plain.absolute,
      plain.ulps,
      optimized.absolute,
      noise,
      tolerance,
      passed,
    ]),
  );

/** Returns what was measured of two runs. */
export function functionSection(
  title: string,
  report: Outcome<FunctionReport & { readonly dims?: Readonly<Record<string, number>> }>,
): Section {
  if (report.outcome === "not run")
    return { title, content: paragraph(`Not run: ${report.reason}.`) };
  return {
    title,
    content: [
      paragraph(describeFunction({ ...report, dims: report.dims ?? {} })),
      outputsTable("Outputs", report.outputs),
    ].join("\n"),
  };
}

/** Returns what was proved of a folded model. */
export function foldProofSections({ function: same, float64 }: FoldProof): Section[] {
  const double =
    float64.outcome === "not run"
      ? paragraph(`Not run: ${float64.reason}.`)
      : table(
          "Both models cast to double",
          ["largest difference", "tolerance", "outcome"],
          [[float64.difference, float64.tolerance, float64.outcome === "passed"]],
        );
  return [
    functionSection("Proof: same function", same),
    { title: "Proof: same in float64", content: double },
  ];
}
