import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { EXIT } from "../exit.ts";
import { turnOffTelemetry } from "../no-telemetry.ts";

const program = fileURLToPath(new URL("../laurelize.js", import.meta.url));

const OWN = /^laurelize: /;
const WARNING = /^warning: /;

/**
 * Runs one command line of laurelize in a process of its own, so that onnxruntime cannot end the
 * bundler. Returns its warnings. Throws an error with the command's own sentence if it fails.
 */
export async function runCommandLine(args: readonly string[]): Promise<readonly string[]> {
  const env = { ...process.env, NO_COLOR: "1" };
  turnOffTelemetry(env);
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env,
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [report, complaints, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    ended,
  ]);
  const lines = complaints.split("\n").filter((line) => line.trim() !== "");
  const isWarning = (line: string) => WARNING.test(line);
  if (code !== 0) {
    const isProof = code === EXIT.checkFailed || code === EXIT.notProved;
    const said = lines.filter((line) => !isWarning(line));
    throw new Error(sentences(said, isProof ? report : ""));
  }
  return lines.filter(isWarning).map((line) => line.replace(WARNING, ""));
}

/** The sentences of a command that failed, and the report of its proof. */
function sentences(complaints: readonly string[], report: string): string {
  const said = complaints.map((line) =>
    line.replace(OWN, "").replace(/ \(laurelize --help\)$/, ""),
  );
  return [...said, ...(report.trim() === "" ? [] : ["", report.trimEnd()])].join("\n");
}
