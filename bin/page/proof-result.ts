import { bytes } from "../../passes/internal.ts";
import type { Check, Laurelized, Proof } from "../../src/index.ts";
import { describeCheck, detailLines, sampleText, unproved } from "../check-lines.ts";
import { insertedLine } from "../text.ts";
import { differenceDrawing } from "./drawings.ts";
import type { Download } from "./messages.ts";

/** Returns what the page shows of a laurelized model and its proof. */
export async function proofResult(laurel: Laurelized, proof: Proof) {
  return {
    summary: `${insertedLine(laurel)}. ${verdictOf(laurel, proof)}`,
    passed: proof.passed,
    proof: proof.checks.map(lineOf),
    warnings: [...laurel.warnings, ...(proof.sample ? [`${sampleText(proof.sample)}.`] : [])],
    difference: await differenceDrawing(laurel),
    /** Null if a check failed. */
    file: proof.passed ? fileOf(laurel) : null,
  };
}

/** A laurelized model and its proof. */
export type Rewritten = Awaited<ReturnType<typeof proofResult>>;

const lineOf = (check: Check) => ({
  name: check.name,
  outcome: check.outcome,
  text: describeCheck(check),
  details: detailLines(check).map((line) => line.trim()),
});

function verdictOf({ model }: Laurelized, proof: Proof): string {
  if (!proof.passed) return `No file was written, because ${unproved(proof)}.`;
  const kept = model.dataFiles.length > 0 ? ", to be kept beside the model's data files" : "";
  return `Proved; the file has ${bytes(model.size)}${kept}.`;
}

const fileOf = ({ original, model }: Laurelized): Download => ({
  name: `${stem(original.source.name)}.laurel.onnx`,
  bytes: model.toBytes() as Uint8Array<ArrayBuffer>,
});

/** Returns a file's name without its ending. */
export const stem = (name: string): string => name.replace(/\.onnx$/i, "");
