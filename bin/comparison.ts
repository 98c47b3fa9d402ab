import { counted } from "../passes/internal.ts";
import type { Comparison, Difference, Finding, FirstDifference } from "../src/index.ts";
import { checkLine, describeFunction, outputFailures } from "./check-lines.ts";
import { figure, firstLines } from "./text.ts";

const DESCRIPTION = new Set<Finding["kind"]>(["signature", "metadata", "opset"]);

/** Returns the verdict, a line for each thing compared, and lines for what differs: 12, or all. */
export function comparisonLines(
  comparison: Comparison,
  all: boolean,
  heads: readonly string[] = [],
): string[] {
  const some = (found: readonly string[]) => firstLines(found, all, "      ");
  const { apart, findings, outputs, first } = comparison;
  const ran = apart ?? describeFunction(comparison);
  const equal = apart === null && comparison.error === null && outputs.every((o) => o.passed);
  const differing = findings.filter(({ harmless }) => !harmless);
  const [described, changed] = [true, false].map((of) =>
    differing.filter(({ kind }) => DESCRIPTION.has(kind) === of),
  );
  const part = (name: string, found: readonly Finding[], unchanged: string) => [
    row(
      name,
      found.length === 0,
      found.length === 0 ? unchanged : counted(found.length, "difference"),
    ),
    ...some(found.map(line)),
  ];
  return [
    conclusion(comparison, changed, described),
    ...(heads.length > 0 ? ["", ...heads] : []),
    "",
    row("same function", equal, ran),
    ...some(outputFailures(outputs)),
    ...(first ? differenceLines(first, differing) : unseen(comparison, equal)),
    ...part(
      "same contents",
      changed,
      "no weight or attribute of the first model is changed or lost",
    ),
    ...part(
      "same description",
      described,
      "the second model has all inputs, outputs and metadata of the first",
    ),
    ...some(findings.filter(({ harmless }) => harmless).map((found) => `  ${line(found).trim()}`)),
  ];
}

function conclusion(
  { verdict }: Comparison,
  changed: readonly Finding[],
  described: readonly Finding[],
): string {
  if (verdict === "same") return "the two models are the same";
  if (verdict === "different") return "the two models compute different results";
  const ways = [
    changed.length > 0 ? "contents" : "",
    described.length > 0 ? "description" : "",
  ].filter(Boolean);
  const also = ways.length > 0 ? `, but differ in their ${ways.join(" and ")}` : "";
  return verdict === "same function"
    ? `the two models compute the same${also}`
    : `the two models compute the same except for rounding, within the tolerance for optimized models${also}`;
}

const row = (name: string, passed: boolean, text: string) =>
  checkLine(passed ? "passed" : "failed", name, text);

const line = ({ where, what }: Finding) => `      ${where} ${what}`;

function differenceLines(first: FirstDifference, findings: readonly Finding[]): string[] {
  const { value, scope, inside, a, b, difference, compared } = first;
  const node = ({ name, op, inputs }: FirstDifference["a"]) =>
    `${name ? `${name} ` : ""}${op}(${inputs.join(", ")})`;
  const touched = findings.filter(
    ({ kind, subject }) =>
      subject !== undefined &&
      ((kind === "weight" && [value, ...a.inputs].includes(subject)) ||
        (kind === "attribute" && subject === (a.name || value))),
  );
  const at = [scope, ...[...inside].reverse()].filter(Boolean).map((place) => `, in ${place}`);
  const seen =
    difference === null
      ? `first node that differs (its values cannot be compared): the one that computes ${value}`
      : `first value that differs: ${value}, ${distance(difference)}`;
  const before = inside.length === 0 ? `${compared - 1} before it` : `${compared - 1} before that`;
  return [
    `      ${seen}${at.join("")}; ${before} are bit-equal`,
    `        in the first:  ${node(a)}`,
    `        in the second: ${node(b)}`,
    ...touched.map(({ where, what }) => `        ${where} ${what}`),
  ];
}

const distance = ({ absolute, ulps }: Difference) =>
  Number.isFinite(absolute)
    ? `by ${figure(absolute)} (${figure(ulps)} ULP)`
    : "in shape, type or where it is finite";

const unseen = ({ apart, error }: Comparison, equal: boolean) =>
  equal || apart !== null || error !== null
    ? []
    : ["      no value with the same name differs before the outputs"];
