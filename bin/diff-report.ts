import {
  brief,
  bytes,
  counted,
  diffSummary,
  grouped,
  type SiteFigures,
  siteFigures,
} from "../passes/internal.ts";
import type { LaurelWeights, ModelDiff, ModelPort, RegionDiff } from "../src/index.ts";
import { checkLine } from "./check-lines.ts";
import { colors } from "./colors.ts";
import { comparisonLines } from "./comparison.ts";
import { crashLines } from "./report.ts";
import { type PrintedCell, textTable } from "./tables.ts";
import { count, firstLines } from "./text.ts";

/** Returns what changed in lines: a table by operator, sites, other changes, and outputs. */
export function diffLines(diff: ModelDiff, all: boolean): string[] {
  const { before, after, regions, comparison } = diff;
  const sites = regions.filter(({ isSite }) => isSite);
  const others = regions.filter(({ isSite }) => !isSite);
  return [
    `${before.name} → ${after.name}`,
    ...diffSummary(diff),
    "",
    ...operatorTable(diff),
    ...(sites.length > 0 ? ["", ...siteTable(sites)] : []),
    ...(others.length > 0 ? ["", ...firstLines(others.map(regionLine), all, "  ")] : []),
    ...weightLines(diff, all),
    ...(comparison === null ? [] : ["", ...proofLines(comparison, all)]),
    ...crashLines(),
  ];
}

/** Length up to which the name of a free dimension is printed. */
const SHORT_NAME = 12;

function port({ type }: ModelPort): string {
  if (!type) return "no tensor";
  const dims = type.shape?.map((dim) => (String(dim).length > SHORT_NAME ? "?" : dim || "?"));
  return `${type.dtype}${dims ? ` [${dims.join(", ")}]` : ""}`;
}

/** What both models are and hold, a row each: before, after, and the difference. */
function operatorTable({ before, after, operators }: ModelDiff): string[] {
  const rows: PrintedCell[][] = [];
  const isUsed = (domain: string) =>
    domain === "" || operators.some(({ op }) => op.startsWith(`${domain}.`));
  const domains = new Set([before, after].flatMap(({ opsets }) => Object.keys(opsets)));
  for (const domain of [...domains].filter(isUsed))
    rows.push(textRow(`opset ${domain}`.trim(), before.opsets[domain], after.opsets[domain]));
  rows.push(textRow("IR version", before.irVersion, after.irVersion));
  for (const [what, key] of [
    ["input", "inputs"],
    ["output", "outputs"],
  ] as const) {
    const [x, y] = [before, after].map(
      (model) => new Map(model[key].map((it) => [it.name, port(it)])),
    );
    for (const name of new Set([...x.keys(), ...y.keys()]))
      rows.push(textRow(`${what} ${name}`, x.get(name), y.get(name)));
  }
  for (const row of operators) rows.push(numberRow(row.op, row.before, row.after, grouped));
  rows.push(numberRow("nodes", before.nodes, after.nodes, grouped));
  rows.push(numberRow("parameters", before.parameters, after.parameters, count));
  rows.push(numberRow("model size", before.bytes, after.bytes, bytes));
  return textTable(["", "before", "after", "change"], rows, 1);
}

const textRow = (name: string, before: unknown, after: unknown) => [
  name,
  String(before ?? "–"),
  String(after ?? "–"),
  before === after ? "" : "differs",
];

function numberRow(name: string, before: number, after: number, shown: (value: number) => string) {
  const by = after - before;
  const content = (by > 0 ? colors.yellow : colors.green)(signed(by, shown));
  return [name, shown(before), shown(after), { content }];
}

/** The sites of LAuReL, one a row: their figures in the second model, or else in the first. */
function siteTable(sites: readonly RegionDiff[]): string[] {
  const rows = sites.map(({ name, nodes, laurel }) => {
    const [before, after] = [laurel.before, laurel.after].map((all) => all.map(siteFigures));
    const moved = (of: (figures: SiteFigures) => readonly number[] | null) => {
      const [x, y] = [before, after].map((each) =>
        each.map((figures) => of(figures)?.map(brief).join(" ") ?? "–").join("; "),
      );
      const differs = before.length > 0 && after.length > 0 && x !== y;
      return differs ? `${x} → ${y}` : (y || x).replace(/^–$/, "");
    };
    const one = (value: number | null) => (value === null ? null : [value]);
    const size = (all: readonly LaurelWeights[]) =>
      all.reduce((sum, { parameters }) => sum + parameters, 0);
    return [
      name,
      [signed(nodes.added), signed(-nodes.removed)].filter(Boolean).join(" "),
      signed(size(laurel.after) - size(laurel.before)),
      moved(({ alpha }) => one(alpha)),
      moved(({ beta }) => one(beta)),
      moved(({ gamma }) => gamma),
      moved(({ norms }) => norms),
    ];
  });
  return textTable(["site", "nodes", "weights", "α", "β", "γ", "‖AB‖"], rows, 1);
}

/** "+3" or "−3"; nothing for 0. */
const signed = (value: number, shown = grouped) =>
  value === 0 ? "" : `${value > 0 ? "+" : "−"}${shown(Math.abs(value))}`;

function regionLine({ name, nodes, after, before }: RegionDiff): string {
  const node = [...after.nodes, ...before.nodes].find((each) => each.mark !== "same");
  const parts = [
    nodes.added > 0 ? `${counted(nodes.added, "node")} added` : "",
    nodes.removed > 0 ? `${counted(nodes.removed, "node")} removed` : "",
    ...(node?.changes ?? []).map((change) => `other ${change}`),
  ];
  return `  ${name} (${node?.op ?? "?"}): ${parts.filter(Boolean).join(", ") || "changed"}`;
}

function weightLines({ weights }: ModelDiff, all: boolean): string[] {
  const changed = weights.filter(({ change }) => change === "changed");
  const lines = changed.map(({ name, how }) => `  weight ${name} ${how}`);
  return lines.length === 0 ? [] : ["", ...firstLines(lines, all, "  ")];
}

function proofLines(comparison: NonNullable<ModelDiff["comparison"]>, all: boolean): string[] {
  return "outcome" in comparison
    ? [checkLine("not run", "same function", `not run: ${comparison.reason}`)]
    : comparisonLines(comparison, all);
}
