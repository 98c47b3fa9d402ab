import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** Forks a process that waits for its job, and meanwhile loads what runs a command. */
export const forkChild = (command: string): ChildProcess =>
  fork(path.join(import.meta.dirname, "child.js"), [command], { serialization: "advanced" });

/**
 * Forks the child for a command line before the options are read: both take about as long. Returns
 * null if the line starts with an option, or if its command runs in this process.
 */
export function forkAhead([command = "-"]: readonly string[]): ChildProcess | null {
  if (command.startsWith("-") || runHere().includes(command)) return null;
  const child = forkChild(command);
  // It is not the one that gets the job then.
  child.on("error", () => {});
  return child;
}

/** The file in which the build lists the commands that run in the process of the command line. */
export const RUN_HERE = "run-here.json";

const runHere = (): readonly string[] =>
  JSON.parse(fs.readFileSync(path.join(import.meta.dirname, RUN_HERE), "utf8"));
