import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { type Case, type Task, WEIGHTS } from "./case.ts";
import { DIED, type Verdict } from "./examine.ts";
import { complaint } from "./sentence.ts";
import { type Limits, watch } from "./watch.ts";

/** How a process ended and what it left. */
interface Ended {
  readonly code: number | null;
  readonly stderr: string;
  /** Names in the model's folder. */
  readonly left: readonly string[];
  /** The model is what it was. */
  readonly untouched: boolean;
  readonly task: Task;
}

const BIN = path.join(import.meta.dirname, "../../dist/bin/laurelize.js");
/** Milliseconds in which what a killed process has left is swept up. */
const SWEEPING = 1000;
const RESULT = { laurelize: "model.laurel.onnx", compare: null, undo: "model.stripped.onnx" };
const ORIGINAL = "original.onnx";

/** Takes a case through the command line, in a folder of its own. */
export async function command(it: Case, folder: string, limits: Limits): Promise<Verdict> {
  const file = path.join(folder, "model.onnx");
  fs.writeFileSync(file, it.bytes);
  fs.writeFileSync(path.join(folder, WEIGHTS.name), WEIGHTS.bytes);
  if (it.task === "compare") fs.writeFileSync(path.join(folder, ORIGINAL), it.before);
  const child = spawn(process.execPath, [BIN, ...argumentsOf(it, file, folder)], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let stderr = "";
  let why: string | null = null;
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const unwatch = watch(child, limits, (reason) => {
    why = reason;
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  unwatch();
  if (why || code === null) await new Promise((resolve) => setTimeout(resolve, SWEEPING));
  const left = fs.readdirSync(folder);
  const untouched = fs.readFileSync(file).equals(it.bytes);
  const finding = judgeEnd({ code, stderr, left, untouched, task: it.task });
  if (code !== null) return { outcome: `bin exits ${code}`, finding, detail: stderr };
  return { outcome: DIED, finding: finding ?? why ?? `dies: ${child.signalCode}`, detail: stderr };
}

function argumentsOf({ task, options }: Case, file: string, folder: string): string[] {
  if (task === "undo") return ["strip", file];
  if (task === "compare") return ["compare", path.join(folder, ORIGINAL), file];
  const { variant, rank, also, featureAxis, extent } = options;
  return [
    ...[file, "--variant", variant, "--rank", String(rank), "--prove", extent],
    ...(also.length > 0 ? ["--also", also.join(",")] : []),
    ...(featureAxis === undefined ? [] : [`--feature-axis=${featureAxis}`]),
  ];
}

/** What is wrong with how the command ended; null where the README's words hold, or it was killed and left nothing. */
export function judgeEnd({ code, stderr, left, untouched, task }: Ended): string | null {
  if (!untouched) return "the input is not what it was";
  const result = task === "compare" ? ORIGINAL : code === 0 ? RESULT[task] : null;
  const expected = ["model.onnx", WEIGHTS.name, ...(result ? [result] : [])].sort();
  if ([...left].sort().join() !== expected.join()) return `the folder holds ${left.join(", ")}`;
  if (code === null) return null;
  if (code > 4) return `it exits ${code}`;
  const said = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("warning: "));
  if (code === 0 || (code === 1 && task === "compare"))
    return said.length === 0 ? null : "it answers and complains";
  if (said.length !== 1) return `it says ${said.length} things`;
  const wrong = complaint(said[0]);
  return wrong && `the message ${wrong}`;
}
