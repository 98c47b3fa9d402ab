import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";

/** The built program. */
export const bin = path.join(import.meta.dirname, "../../dist/bin/laurelize.js");
const TIMEOUT = 120_000;

/** Help texts as the build wrote them, by command; "" is that of the program and of laurelize. */
export const helpTexts: Readonly<Record<string, string>> = JSON.parse(
  fs.readFileSync(path.join(path.dirname(bin), "help.json"), "utf8"),
);

/** What the built command line did. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line as its users do, in processes of its own. */
export function cliProcess(
  args: readonly string[],
  env: Record<string, string> = {},
  built = bin,
  cwd = process.cwd(),
): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [built, ...args], {
    encoding: "utf8",
    cwd,
    env: { ...process.env, NO_COLOR: "1", COLUMNS: "", ...env },
    timeout: TIMEOUT,
  });
  return { code: status, stdout, stderr };
}

const { port1: answers, port2 } = new MessageChannel();
const done = new SharedArrayBuffer(4);
let worker: Worker | null = null;

/**
 * Runs the built command line in a thread that is kept, which takes a tenth of the time: for what
 * it says and writes. What concerns processes (signals, crashes, deadlines) needs `cliProcess`. In
 * another folder it finds what is asked of Node by `process.cwd()`; paths must be absolute there.
 */
export function cli(args: readonly string[], cwd = process.cwd()): Ran {
  if (!worker) {
    worker = new Worker(path.join(import.meta.dirname, "cli-worker.mjs"), {
      workerData: { answers: port2, done },
      transferList: [port2],
      env: { ...process.env, NO_COLOR: "1", COLUMNS: "" },
    });
    worker.unref();
    answers.unref();
  }
  const flag = new Int32Array(done);
  Atomics.store(flag, 0, 0);
  worker.postMessage({ words: args, cwd });
  // The thread may wake this one for the answer before, which was there before it was waited for.
  while (Atomics.load(flag, 0) === 0)
    if (Atomics.wait(flag, 0, 0, TIMEOUT) === "timed-out")
      throw new Error(`no answer to laurelize ${args.join(" ")}`);
  const { broken, ...ran } = receiveMessageOnPort(answers)!.message;
  if (broken !== null) throw new Error(broken);
  return ran;
}
