import colors from "picocolors";
import type { Comparison, Finding, FirstDifference } from "../src/index.ts";
import { describeFunction, outputFailures } from "./report.ts";
import { figure } from "./text.ts";

const LINES = 20;

/** A line for each thing compared, and one for everything in which the models differ. */
export function comparisonLines(comparison: Comparison): string {
  const { apart, findings, outputs, same, first } = comparison;
  const ran = apart ?? describeFunction(comparison);
  const equal = apart === null && comparison.error === null && outputs.every((o) => o.passed);
  const differing = findings.filter(({ harmless }) => !harmless);
  const lines = [
    row("same function", equal, ran),
    ...outputFailures(outputs),
    ...(first ? firstLines(first, differing) : unseen(comparison, equal)),
    row(
      "nothing changed",
      differing.length === 0,
      differing.length === 0 ? "nothing of the first is changed or lost" : count(differing),
    ),
    ...some(differing.map(line)),
    ...some(findings.filter(({ harmless }) => harmless).map((found) => `  ${line(found).trim()}`)),
    "",
    same ? "the two models are the same" : "the two models differ",
  ];
  return lines.join("\n");
}

const row = (name: string, passed: boolean, text: string) =>
  `${passed ? " " : colors.red("✗")} ${name.padEnd(22)}${text}`;

const count = ({ length }: readonly Finding[]) =>
  `${length} ${length === 1 ? "difference" : "differences"}`;

/** The first of them, and how many more there are. */
const some = (lines: readonly string[]) =>
  lines.length <= LINES
    ? lines
    : [...lines.slice(0, LINES), `      and ${lines.length - LINES} more (--json lists all)`];

const line = ({ where, what }: Finding) => `      ${where} ${what}`;

function firstLines(first: FirstDifference, findings: readonly Finding[]): string[] {
  const { value, scope, a, b, difference, compared } = first;
  const node = ({ name, op, inputs }: FirstDifference["a"]) =>
    `${name ? `${name} ` : ""}${op}(${inputs.join(", ")})`;
  const touched = findings.filter(
    ({ kind, where }) =>
      (kind === "weight" && [value, ...a.inputs].some((input) => where === `weight ${input}`)) ||
      (kind === "attribute" && where.endsWith(` of node ${a.name || value} (${a.op})`)),
  );
  const far = Number.isFinite(difference.absolute)
    ? `by ${figure(difference.absolute)} (${figure(difference.ulps)} ULP)`
    : "in shape, type or where it is finite";
  return [
    `      first value that differs: ${value}, ${far}${scope ? `, in ${scope}` : ""}; ${compared - 1} before it are bit-equal`,
    `        in the first:  ${node(a)}`,
    `        in the second: ${node(b)}`,
    ...touched.map(({ where, what }) => `        ${where} ${what}`),
  ];
}

const unseen = ({ apart, error }: Comparison, equal: boolean) =>
  equal || apart !== null || error !== null
    ? []
    : ["      no value of the same name is seen to differ before the outputs"];
