import { findResiduals, laurelize, type Model, prove, strip } from "laurelize";
import ort from "onnxruntime-node";
import type { Case } from "./case.ts";
import { judgeError, type Verdict } from "./examine.ts";

/** Undoes a mutated result, and adds to it: what it says of itself may be wrong in any way. */
export async function undo(
  { original, options }: Case,
  model: Model,
  phase: (name: string) => void,
): Promise<Verdict> {
  phase("strip");
  let outcome = "undone";
  try {
    const { model: back, checked } = await strip(model);
    const same = Buffer.from(back.toBytes()).equals(original!);
    if (checked === "whole" && !same)
      return { outcome, finding: "strip gives back another model", detail: "" };
    if (!same) outcome = "undone unchecked";
  } catch (error) {
    const judged = judgeError(error as Error);
    outcome = `not undone: ${judged.outcome}`;
    if (judged.finding) return { ...judged, outcome };
  }
  phase("findResiduals");
  await findResiduals(model, { ort });
  phase("laurelize again");
  const { variant, rank } = options;
  const laurel = await laurelize(model, { ort, variant, rank, again: true });
  phase("prove");
  const proof = await prove(laurel, { ort });
  return { outcome: `${outcome}, again ${proof.passed}`, finding: null, detail: "" };
}
