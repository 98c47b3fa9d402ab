import type { Check, Laurelized, Proof } from "../../src/index.ts";
import { describeCheck, detailLines, sampleText, unproved } from "../check-lines.ts";
import { bytes, insertedLine } from "../text.ts";
import { differenceDrawing } from "./drawings.ts";
import type { Download, ProofLine, Rewritten } from "./messages.ts";

/** Returns what the page shows of a laurelized model and its proof. */
export async function proofResult(laurel: Laurelized, proof: Proof): Promise<Rewritten> {
  const file = proof.passed ? fileOf(laurel) : null;
  return {
    summary: `${insertedLine(laurel)}. ${verdictOf(laurel, proof)}`,
    passed: proof.passed,
    proof: proof.checks.map(lineOf),
    warnings: [...laurel.warnings, ...(proof.sample ? [`${sampleText(proof.sample)}.`] : [])],
    difference: await differenceDrawing(laurel),
    file,
  };
}

function lineOf(check: Check): ProofLine {
  const { name, outcome } = check;
  if (check.outcome === "not run")
    return { name, outcome, text: `not run: ${check.reason}`, details: [] };
  const details = detailLines(check).map((line) => line.trim());
  return { name, outcome, text: describeCheck(check), details };
}

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
