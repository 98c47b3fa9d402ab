import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";

const script = path.join(import.meta.dirname, "../judge/judge.py");

/** One model to judge, by onnx's checker and by onnxruntime for Python. */
export interface Request {
  readonly model: string;
  /** The model it was made of; it must pass what that passes. */
  readonly like?: string | undefined;
  /** Whether both are run, and must give the same bits with optimizations disabled. */
  readonly run?: boolean | undefined;
  /** onnxruntime's optimization levels at which it is loaded. */
  readonly levels?: readonly string[] | undefined;
}

interface Answer {
  readonly model: string;
  /** The reason of a failed check, null of one that passed. */
  readonly checks: Readonly<Record<string, string | null>>;
  readonly run?: string | null;
}

/** The Python that has onnx and onnxruntime; null, said aloud, if there is none outside CI. */
export function judgePython(): string | null {
  const python = process.env.LAURELIZE_PYTHON;
  if (python) return python;
  if (process.env.CI === "true") throw new Error("CI must set LAURELIZE_PYTHON");
  console.warn(
    "skipped: LAURELIZE_PYTHON names no Python with onnx and onnxruntime, so results are not judged by them",
  );
  return null;
}

/** What a judgement found. */
export interface Judgement {
  /** One sentence for each check that a model fails and the one it was made of passes. */
  readonly faults: readonly string[];
  /** Originals that pass every check, and pairs that were run. */
  readonly sound: number;
  readonly compared: number;
}

/** Judges models in one Python process, each original once. */
export async function judged(python: string, requests: readonly Request[]): Promise<Judgement> {
  const asked = new Map<string, Request>();
  for (const { like, levels } of requests) if (like) asked.set(like, { model: like, levels });
  for (const request of requests) asked.set(request.model, request);
  const answers = await answersOf(python, [...asked.values()]);
  const faults: string[] = [];
  let [sound, compared] = [0, 0];
  for (const { model, like } of asked.values()) {
    const { checks, run } = answers.get(model)!;
    if (!like) {
      if (Object.values(checks).every((failure) => failure === null)) sound++;
      continue;
    }
    const before = answers.get(like)!.checks;
    for (const [check, failure] of Object.entries(checks))
      if (failure !== null && before[check] === null)
        faults.push(`${path.basename(model)}, ${check}: ${failure}`);
    if (run === null) compared++;
    else if (run !== undefined && !run.startsWith("skipped"))
      faults.push(`${path.basename(model)}, run: ${run}`);
  }
  return { faults, sound, compared };
}

async function answersOf(
  python: string,
  requests: readonly Request[],
): Promise<ReadonlyMap<string, Answer>> {
  const answers = new Map<string, Answer>();
  const child = spawn(python, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  child.stdin.on("error", () => {});
  child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(""));
  for await (const line of createInterface(child.stdout)) {
    const answer = JSON.parse(line) as Answer;
    answers.set(answer.model, answer);
  }
  const how = await ended;
  const missing = requests.find(({ model }) => !answers.has(model));
  if (missing) throw new Error(`the judge died at ${missing.model}: ${how}`);
  return answers;
}
