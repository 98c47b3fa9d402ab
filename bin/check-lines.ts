import { counted, listed, withoutDomain } from "../passes/internal.ts";
import type { Check, FunctionReport, OutputReport, Proof } from "../src/index.ts";
import { marks } from "./colors.ts";
import { figure } from "./text.ts";

/** A check that ran, with its figures. */
type Made = Exclude<Check, { outcome: "not run" }>;

/** Returns a line of the report: an outcome's mark, what was checked, and what was measured. */
export const checkLine = (outcome: Check["outcome"], name: string, text: string): string =>
  `${marks[outcome]} ${name.padEnd(22)}${text}`;

/** Returns the figures of a check, or why it did not run, in a line. */
export function describeCheck(check: Check): string {
  if (check.outcome === "not run") return `not run: ${check.reason}`;
  if (check.name === "same function" || check.name === "a second opinion")
    return describeFunction(check);
  if (check.name === "same when lowered") return describeLowering(check);
  if (check.name === "same sum at each site") {
    const equal = check.sites.filter((site) => site.passed);
    return `bit-equal at ${equal.length} of ${counted(check.sites.length, "site")}, on random operands${copies(check.sites)}`;
  }
  if (check.name === "right formula") {
    const passed = check.sites.filter((site) => site.passed);
    const worst = passed.reduce(
      (a, b) => (a.difference / a.bound > b.difference / b.bound ? a : b),
      passed[0],
    );
    const figures = worst
      ? `, worst ${figure(worst.difference)} (bound ${figure(worst.bound)})`
      : "";
    const alone = check.sites.filter(({ madeUp }) => madeUp).length;
    const apart = alone > 0 ? `, ${alone} of them on random operands` : "";
    return `${passed.length} of ${counted(check.sites.length, "site")}${apart}${copies(check.sites)}${figures}`;
  }
  if (check.name === "it can learn") {
    const { tensors, first, dead, unfelt, faint, bySums, before } = check;
    const moved =
      before.length > 0 && !bySums
        ? `output or ${before.join(", ")}, the last floats before it`
        : "output";
    const alive = `${tensors - dead.length - unfelt.length} of ${counted(tensors, "new tensor")} ${tensors === 1 ? "moves" : "move"} the ${bySums ? "last sum (no output holds a float that depends on it)" : moved}`;
    const early = first.length < tensors ? `, ${first.length} of them from the first step` : "";
    const slight =
      faint.length > 0 ? `, ${faint.length} of them by less than its rounding (${faint[0]})` : "";
    return `${alive}${early}${slight}`;
  }
  const parts = `${counted(check.weights, "weight")}, ${counted(check.inputs, "input")}, ${counted(check.outputs, "output")}, metadata`;
  return check.outcome === "passed"
    ? `${parts}: unchanged`
    : counted(check.differences.length, "difference");
}

/** Says where sites were run as float because their own type has no kernels. */
const copies = (sites: readonly { readonly floatCopy: boolean }[]) =>
  sites.some(({ floatCopy }) => floatCopy) ? ", on a float copy" : "";

/** "4 nodes lowered (FusedConv): …", and what was measured. */
function describeLowering(check: Extract<Made, { name: "same when lowered" }>): string {
  const { calls, nodes } = check;
  const operators = [...new Set(nodes.map(({ op }) => withoutDomain(op)))].join(", ");
  const what = [
    ...(calls > 0 ? [`${counted(calls, "function call")} inlined`] : []),
    ...(nodes.length > 0 ? [`${counted(nodes.length, "fused node")} lowered (${operators})`] : []),
  ].join(", ");
  const quanta = nodes.flatMap((node) => node.quanta ?? []);
  const rounded =
    quanta.length > 0
      ? `, ${counted(quanta.length, "quantized sum")} off by ${Math.max(...quanta)} quanta on their own (tolerance 1)`
      : "";
  return `${what}${rounded}: ${describeFunction(check)}`;
}

const optimizedTo: Readonly<Record<FunctionReport["level"], string>> = {
  all: "fully optimized",
  extended: "optimized (extended; onnxruntime fails at higher levels)",
  basic: "optimized (basic; onnxruntime fails at higher levels)",
  disabled: "not optimized, because onnxruntime fails to optimize it",
};

type Measured = Pick<FunctionReport, "outputs" | "inputs" | "level" | "error"> & {
  readonly dims?: Readonly<Record<string, number>>;
};

/** Returns what was measured of the outputs, in a line. */
export function describeFunction({ outputs, inputs, dims = {}, level, error }: Measured): string {
  if (error !== null) return `onnxruntime cannot run the result: ${error}`;
  const largest = (of: (report: (typeof outputs)[number]) => number) =>
    Math.max(...outputs.map(of));
  const held = outputs.map(({ tolerance }) => tolerance).filter(Number.isFinite);
  const random = outputs.filter((output) => output.random).length;
  const zeros = outputs.every(({ plain }) => plain.bitEqual) ? "" : " except for signs of zeros";
  const exact = outputs.every(({ plain }) => plain.absolute === 0)
    ? `bit-equal on ${counted(inputs, "input")}${zeros}`
    : `differs by ${figure(largest(({ plain }) => plain.absolute))} (${figure(largest(({ plain }) => plain.ulps))} ULP)`;
  const sizes = Object.entries(dims).map(([name, size]) => `${name}=${size}`);
  const optimized = [
    ` differs by ${figure(largest(({ optimized }) => optimized.absolute))}`,
    ` (the model's own noise is ${figure(largest(({ noise }) => noise))}`,
    outputs.some(({ nudged }) => nudged) ? ", measured by flipping last bits of its weights" : "",
    held.length > 0 ? `, the tolerance ${figure(Math.max(...held))})` : ")",
  ];
  return [
    random > 0
      ? `${exact} with one seed (${counted(random, "output")} ${random === 1 ? "is" : "are"} random)`
      : exact,
    `; ${optimizedTo[level]}`,
    ...(level === "disabled" ? [] : optimized),
    sizes.length > 0 ? `, with ${sizes.join(" ")}` : "",
  ].join("");
}

/** Returns a line for each output that differs. */
export const outputFailures = (outputs: readonly OutputReport[]) =>
  outputs
    .filter(({ passed }) => !passed)
    .map(
      ({ output, plain, optimized, tolerance }) =>
        `      output ${output} differs by ${figure(plain.absolute)} (${figure(plain.ulps)} ULP); fully optimized by ${figure(optimized.absolute)}, tolerance ${figure(tolerance)}`,
    );

/** Returns a line for each thing that failed in a check, and for what is not finite in the original. */
export const detailLines = (check: Check): string[] =>
  check.outcome === "not run" ? [] : [...failures(check), ...notFinite(check)];

function failures(check: Made): string[] {
  if (
    check.name === "same function" ||
    check.name === "a second opinion" ||
    check.name === "same when lowered"
  )
    return outputFailures(check.outputs);
  if (check.name === "same sum at each site")
    return check.sites
      .filter(({ passed }) => !passed)
      .map(({ site, difference }) =>
        difference
          ? `      site ${site} differs by ${figure(difference.absolute)} (${figure(difference.ulps)} ULP)`
          : `      site ${site} does not run in onnxruntime by itself`,
      );
  if (check.name === "right formula")
    return check.sites
      .filter(({ passed }) => !passed)
      .map(
        ({ site, difference, bound }) =>
          `      site ${site} differs from its formula by ${figure(difference)}, the bound is ${figure(bound)}`,
      );
  if (check.name === "it can learn")
    return check.dead.map(
      (name) => `      ${name} never changes the output: its gradient stays zero`,
    );
  return check.differences.map((difference) => `      ${difference}`);
}

/** Returns lines for what is not finite in the original already, or holds one number only. */
function notFinite(check: Made): string[] {
  if (check.name === "same function") {
    const lines = check.outputs.flatMap(({ output, notFinite: count }) =>
      count > 0
        ? `      output ${output} is not finite in the original: ${counted(count, "number")} NaN or infinite`
        : [],
    );
    return check.beside
      ? [
          ...lines,
          `      each output holds one number only, NaN or infinities on these inputs, so ${listed(check.beside)} were compared, too; give real ones with --inputs`,
        ]
      : lines;
  }
  if (check.name !== "it can learn" || check.notFinite.length === 0) return [];
  const { length } = check.notFinite;
  return [
    `      ${counted(length, "site")} left out because their sums are not finite in the original: ${listed(check.notFinite)}`,
  ];
}

/** Says that a seeded sample of sites stood for all. */
export const sampleText = ({ sites, of, seed }: NonNullable<Proof["sample"]>): string =>
  `"right formula" and "it can learn" checked ${sites} of ${counted(of, "site")}, drawn with seed ${seed}`;

/** Returns why nothing is written: what failed, or else what was not proved. */
export function unproved({ checks }: Proof): string {
  const names = (outcome: Check["outcome"]) =>
    checks.filter((check) => check.outcome === outcome).map(({ name }) => `"${name}"`);
  const [failed, missing] = [names("failed"), names("not run")];
  if (failed.length > 0) return `a check failed (${failed.join(", ")})`;
  const way =
    missing.join() === '"a second opinion"' ? "leave --also-web out" : "--no-prove writes it so";
  return `not everything was proved: ${missing.join(", ")} could not run (${way})`;
}
