import { type Laurelized, laurelJson, type Proof } from "../src/index.ts";
import { checkLine, describeCheck, detailLines, sampleText } from "./check-lines.ts";
import { crashes } from "./supervision.ts";
import { headline, insertedLine, sums } from "./text.ts";

/** Returns the first lines: the model, its sites, what is inserted. */
export const summary = (laurel: Laurelized): string[] => [
  headline(laurel.original),
  sums(laurel.found, false),
  insertedLine(laurel),
];

/** Returns a line for each check, and one for everything that failed. */
export function proofLines({ checks, leftOut, sample }: Proof): string[] {
  return [
    ...checks.flatMap((check) => [
      checkLine(check.outcome, check.name, describeCheck(check)),
      ...detailLines(check),
    ]),
    ...(sample ? [noted("  sample", `${sampleText(sample)} (--all-sites checks each)`)] : []),
    ...crashLines(),
    ...(leftOut ? [noted("  not checked", leftOut)] : []),
  ];
}

const noted = (name: string, text: string) => name.padEnd(24) + text;

/** Returns a line for each time that onnxruntime crashed in earlier attempts. */
export const crashLines = (): string[] =>
  crashes().map(({ signal, model, level, step }) =>
    checkLine(
      "not run",
      "crashed",
      `onnxruntime crashed (${signal}) on ${model}, optimization level "${level}", during "${step}"; all of this was run at lower levels`,
    ),
  );

/** Returns what `--json` prints. */
export function asJson(
  laurel: Laurelized,
  files: { readonly input: string; readonly output: string | null },
  proof: Proof | null,
) {
  const { warnings, ...json } = laurelJson(laurel);
  return { ...files, ...json, proof, crashes: crashes(), warnings };
}
