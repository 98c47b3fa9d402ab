import { bytes, counted, grouped } from "../../src/figures.ts";
import { shortened } from "../ladder/svg-text.ts";
import type { ModelDiff } from "./diff.ts";

/** Returns how many nodes and weights changed, a line each. */
export function diffSummary({ nodes, weights }: ModelDiff): string[] {
  return [["node", nodes] as const, ["weight", weights] as const].map(([one, changes]) => {
    const of = (change: string) => changes.filter((each) => each.change === change).length;
    return changes.length === 0
      ? `the same ${one}s`
      : `${counted(of("added"), one)} added, ${grouped(of("removed"))} removed, ${grouped(of("changed"))} changed`;
  });
}

/** Returns rows of what changed in number: name, before, after, difference. The first is the head. */
export function changeRows({ before, after, operators }: ModelDiff): string[][] {
  const row = (name: string, x: number, y: number, shown: (value: number) => string) => [
    name,
    shown(x),
    shown(y),
    x === y ? "" : `${y > x ? "+" : "−"}${shown(Math.abs(y - x))}`,
  ];
  const changed = operators.filter((op) => op.before !== op.after);
  const others = operators.length - changed.length;
  return [
    ["", "before", "after", ""],
    ...changed.map(({ op, before: x, after: y }) => row(op, x, y, grouped)),
    ...(others > 0 ? [[`${counted(others, "other operator")}`, "", "", ""]] : []),
    row("nodes", before.nodes, after.nodes, grouped),
    row("parameters", before.parameters, after.parameters, grouped),
    row("model size", before.bytes, after.bytes, bytes),
    ["opset, IR", ...[before, after].map((it) => `${it.opsets[""] ?? "–"}, ${it.irVersion}`), ""],
  ];
}

/** Outputs whose comparison is listed, and characters of a line. */
const [LISTED, LONGEST] = [8, 90];

const VERDICTS = {
  same: "the two models are the same",
  "same function": "the two models compute the same",
  "same but for rounding": "the two models compute the same except for rounding",
  different: "the two models do not compute the same",
} as const;

const figure = (value: number) => (value === 0 ? "0" : value.toExponential(1));

/** Returns what a comparison in onnxruntime says, a line each; none without one. */
export function proofRows({ comparison }: ModelDiff): string[] {
  if (comparison === null) return [];
  if ("outcome" in comparison)
    return ["the two models were not run", shortened(comparison.reason, LONGEST)];
  const { verdict, apart, error, outputs, inputs, first } = comparison;
  const ran = outputs.slice(0, LISTED).map(({ output, plain, optimized, tolerance }) => {
    const equal = plain.bitEqual ? "bit-equal" : `differs by ${figure(plain.absolute)}`;
    return `output ${shortened(output, 40)}: ${equal}; optimized by ${figure(optimized.absolute)} (tolerance ${figure(tolerance)})`;
  });
  return [
    VERDICTS[verdict],
    ...[apart, error].filter((text) => text !== null).map((text) => shortened(text, LONGEST)),
    ...(outputs.length > 0 ? [`in onnxruntime, on ${counted(inputs, "input")}`] : []),
    ...ran,
    ...(first ? [shortened(`first value that differs: ${first.value}`, LONGEST)] : []),
  ];
}
