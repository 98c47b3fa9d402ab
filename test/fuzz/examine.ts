import fs from "node:fs";
import path from "node:path";
import {
  findResiduals,
  laurelize,
  type Model,
  openModel,
  type Proof,
  prove,
  saveModel,
  strip,
} from "laurelize";
import ort from "onnxruntime-node";
import { type Case, WEIGHTS } from "./case.ts";
import { compare } from "./compare.ts";
import { agreement } from "./independent.ts";
import { complaint } from "./sentence.ts";
import { undo } from "./undo.ts";

/** What came of a case. */
export interface Verdict {
  readonly outcome: string;
  /** What is wrong with that; null where the promise holds. */
  readonly finding: string | null;
  readonly detail: string;
}

/** The outcome of a case whose process had to be ended, or ended of itself. */
export const DIED = "died";

/** Takes a case through the roof, in a folder of its own. */
export async function examine(
  it: Case,
  folder: string,
  phase: (name: string) => void,
): Promise<Verdict> {
  const file = path.join(folder, "model.onnx");
  if (it.way !== "bytes") {
    fs.writeFileSync(file, it.bytes);
    fs.writeFileSync(path.join(folder, WEIGHTS.name), WEIGHTS.bytes);
  }
  phase("open");
  try {
    const model = await openModel(it.way === "bytes" ? it.bytes : file);
    try {
      return await TASKS[it.task](it, model, phase, folder);
    } finally {
      model.close();
    }
  } catch (error) {
    return judgeError(error as Error);
  }
}

const TASKS = { laurelize: rewrite, undo, compare };

/** Found, rewritten, proved, and held against a check of its own. */
async function rewrite(
  { bytes, did, way, options, seed }: Case,
  model: Model,
  phase: (name: string) => void,
  folder: string,
): Promise<Verdict> {
  phase("findResiduals");
  await findResiduals(model, { ort });
  phase("laurelize");
  const { extent, ...wanted } = options;
  const laurel = await laurelize(model, { ort, ...wanted });
  phase("prove");
  const proof = await prove(laurel, { ort, extent });
  const outcome = proof.passed ? "passed" : "not passed";
  phase("strip");
  const { model: back } = await strip(laurel.model);
  if (!Buffer.from(back.toBytes()).equals(bytes))
    return { outcome, finding: "strip does not give the model back", detail: "" };
  const file = path.join(folder, "model.onnx");
  const target = path.join(folder, "out.onnx");
  if (way === "path") await saveModel(laurel.model, target);
  // Opening a fused node may round otherwise: the result equals what was opened.
  const opened = laurel.lowered.nodes.length > 0 ? laurel.lowered.model : null;
  const before = path.join(folder, "opened.onnx");
  if (opened && way === "path") await saveModel(opened, before);
  phase("check");
  const agreed = await agreement(
    way === "bytes" ? (opened?.toBytes() ?? bytes) : opened ? before : file,
    way === "bytes" ? laurel.model.toBytes() : target,
    dimsOf(proof),
    seed,
  );
  if (!proof.passed)
    return {
      outcome,
      finding: complaintOfFailed(did, proof, agreed),
      detail: `${failing(proof)}; ${agreed}`,
    };
  // A site alone is not proved on a skip so large that its low-rank map overflows, as a mask's.
  const wrong = agreed.endsWith(" differs") || (extent === "full" && agreed.endsWith(" overflows"));
  if (wrong) return { outcome, finding: `a wrong "passed": output ${agreed}`, detail: "" };
  return { outcome: `passed (${extent}), ${agreed}`, finding: null, detail: "" };
}

/** Whether an error is one that the roof may throw. */
export function judgeError(error: Error): Verdict {
  const { name, message } = error;
  if (["InputError", "NoSiteError", "RecognizedError"].includes(name)) {
    const wrong = complaint(message);
    const finding = wrong && `${name} ${wrong}`;
    return { outcome: name, finding, detail: message };
  }
  return { outcome: "thrown", finding: `${name} is thrown`, detail: String(error?.stack ?? error) };
}

/**
 * A model as it was passes, except that a constant skip may hold nothing to learn from. Where
 * onnxruntime alone does not run it either, nothing fails.
 */
function complaintOfFailed(did: readonly string[], { checks }: Proof, agreed: string) {
  const complete = agreed === "unknown" ? ["passed", "not run"] : ["passed"];
  const failed = checks.find(
    ({ name, outcome }) => !complete.includes(outcome) && name !== "it can learn",
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
