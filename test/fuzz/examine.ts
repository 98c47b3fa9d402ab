import fs from "node:fs";
import path from "node:path";
import {
  findResiduals,
  laurelize,
  openModel,
  type Proof,
  saveModel,
  strip,
  verify,
} from "laurelize";
import ort from "onnxruntime-node";
import { type Case, WEIGHTS } from "./case.ts";
import { agreement } from "./independent.ts";
import { complaint } from "./sentence.ts";

/** What came of a case. */
export interface Verdict {
  readonly outcome: string;
  /** What is wrong with that; null where the promise holds. */
  readonly finding: string | null;
  readonly detail: string;
}

/** The outcome of a case whose process had to be ended, or ended of itself. */
export const DIED = "died";

/** Takes a case through the roof: found, rewritten, proved, and held against a check of its own. */
export async function examine(
  { bytes, did, way, options, seed }: Case,
  folder: string,
  phase: (name: string) => void,
): Promise<Verdict> {
  const file = path.join(folder, "model.onnx");
  if (way !== "bytes") {
    fs.writeFileSync(file, bytes);
    fs.writeFileSync(path.join(folder, WEIGHTS.name), WEIGHTS.bytes);
  }
  const target = path.join(folder, "out.onnx");
  let outcome = "refused";
  try {
    phase("open");
    const model = await openModel(way === "bytes" ? bytes : file);
    try {
      phase("findResiduals");
      await findResiduals(model, { ort });
      phase("laurelize");
      const laurel = await laurelize(model, { ort, ...options });
      outcome = "refused by the proof";
      phase("verify");
      const proof = await verify(laurel, { ort });
      outcome = proof.passed ? "passed" : "not passed";
      phase("strip");
      const { model: back } = await strip(laurel.model);
      if (!Buffer.from(back.toBytes()).equals(bytes))
        return { outcome, finding: "strip does not give the model back", detail: "" };
      if (way === "path") await saveModel(laurel.model, target);
      phase("check");
      const agreed = await agreement(
        way === "bytes" ? bytes : file,
        way === "bytes" ? laurel.model.toBytes() : target,
        dimsOf(proof),
        seed,
      );
      if (!proof.passed)
        return {
          outcome,
          finding: complaintOfFailed(did, proof),
          detail: `${failing(proof)}; ${agreed}`,
        };
      const wrong = agreed.endsWith(" differs");
      if (wrong) return { outcome, finding: `a wrong "passed": output ${agreed}`, detail: "" };
      return { outcome: `passed, ${agreed}`, finding: null, detail: "" };
    } finally {
      model.close();
    }
  } catch (error) {
    const judged = judgeError(error as Error);
    return { ...judged, outcome: `${outcome}: ${judged.outcome}` };
  }
}

/** Whether an error is one that the roof may throw. */
export function judgeError(error: Error): Verdict {
  const { name, message } = error;
  if (name === "NoSiteError" || name === "InputError") {
    const wrong = complaint(message);
    const finding = wrong && `${name} ${wrong}`;
    return { outcome: name, finding, detail: message };
  }
  return { outcome: "thrown", finding: `${name} is thrown`, detail: String(error?.stack ?? error) };
}

/** A model as it was passes, except that a constant skip may hold nothing to learn from. */
function complaintOfFailed(did: readonly string[], { checks }: Proof): string | null {
  const failed = checks.find(
    ({ name, outcome }) => outcome !== "passed" && name !== "it can learn",
  );
  if (did.length === 0 && failed) return `a sound model does not pass: ${failed.name}`;
  const reasons = checks.flatMap((check) => (check.outcome === "not run" ? [check.reason] : []));
  const wrong = reasons.map((reason) => complaint(`${reason}.`)).find(Boolean);
  return wrong ? `a reason ${wrong}` : null;
}

const dimsOf = ({ checks }: Proof) =>
  checks.flatMap((check) =>
    check.name === "same function" && check.outcome !== "not run" ? [check.dims] : [],
  )[0] ?? {};

const failing = ({ checks }: Proof) =>
  checks
    .filter(({ outcome }) => outcome !== "passed")
    .map((check) => {
      if (check.outcome === "not run") return `${check.name} not run: ${check.reason}`;
      const error = "error" in check ? check.error : null;
      return error ? `${check.name} (${error})` : check.name;
    })
    .join(", ");
