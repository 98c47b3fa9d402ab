import { type Laurelized, laurelJson, type Proof } from "../src/index.ts";
import { describeCheck, failures, notFinite } from "./check-lines.ts";
import { insertedLine } from "./inserted-line.ts";
import { crashLines, marks, sampleLines } from "./report-notes.ts";
import type { Crash } from "./supervise.ts";
import { crashes } from "./supervision.ts";
import { headline, sums } from "./text.ts";

/** Returns the first lines: the model, its sites, what is inserted. */
export const summary = (name: string, laurel: Laurelized): string[] => [
  headline(name, laurel.original),
  sums(laurel.found, false),
  insertedLine(laurel),
];

/** Returns a line for each check, and one for everything that failed. */
export function proofLines(
  { checks, leftOut, sample }: Proof,
  crashes: readonly Crash[] = [],
): string[] {
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
  ];
}

/** Returns what `--json` prints. */
export function asJson(
  laurel: Laurelized,
  outcome: {
    readonly input: string;
    readonly output: string | null;
    readonly proof: Proof | null;
  },
) {
  const { input, output, proof } = outcome;
  const { warnings, ...json } = laurelJson(laurel);
  // Of crashes: times that onnxruntime ended the process; each time all was run one level lower.
  return { input, output, ...json, proof, crashes: crashes(), warnings };
}
