import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import type { FunctionReport } from "../src/index.ts";
import { EXIT } from "./exit.ts";
import { forkChild } from "./fork-child.ts";
import { isCollecting, printJson, printJsonError } from "./json.ts";
import { watchMemory } from "./memory-watch.ts";
import { printNote } from "./print.ts";
import { runAfterwards } from "./run-afterwards.ts";

/** How far onnxruntime optimizes a session. */
export type Level = FunctionReport["level"];

/** What the parent sends once: the command, and how earlier attempts ended. */
export interface Job {
  readonly command: string;
  readonly args: object;
  /** The highest optimization level that sessions are given. */
  readonly ceiling: Level;
  readonly crashes: readonly Crash[];
  /** Documents are reported instead of printed. */
  readonly collect: boolean;
}

/** One time that onnxruntime ended the process. */
export interface Crash {
  /** The name of the model; null if no session was made yet. */
  readonly model: string | null;
  readonly level: Level;
  /** What the command was doing: "same function". */
  readonly step: string;
  readonly signal: string;
}

/** What the child reports while it works. */
export type Report =
  | { readonly session: { readonly model: string; readonly level: Level } }
  | { readonly step: string }
  | { readonly document: object }
  | { readonly temporary: string }
  /** It counts interrupts itself; without this they end it at once. */
  | { readonly hearsInterrupts: boolean }
  /** A crash is not answered by starting again, for this reason. */
  | { readonly once: string }
  /** onnxruntime's optimizer has lost a value. */
  | { readonly lost: true }
  | { readonly done: number }
  | "alive";

/** Arguments that the supervision itself reads. */
export interface Supervised {
  readonly timeout: number;
  readonly quiet?: boolean;
}

/** Runs a command that runs onnxruntime, to its end. */
export type Start = (command: string, args: Supervised & object) => Promise<void>;

/** Returns what is known of a child before its first report. */
const unreported = () => ({
  session: null as { readonly model: string; readonly level: Level } | null,
  step: "reading the model",
  once: null as string | null,
  hearsInterrupts: false,
  temporary: [] as string[],
  done: null as number | null,
  timedOut: false,
  lost: false,
  /** The bytes of memory that it was ended for. */
  outgrown: null as number | null,
});

type Known = ReturnType<typeof unreported>;

/** How a child ended: with an exit code, or by a signal or the code of a Windows exception. */
interface End {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Optimization levels, each followed by the next lower one. */
const LEVELS: readonly Level[] = ["all", "extended", "basic", "disabled"];
const ASKED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Milliseconds within which most commands are done, and need no leash. */
const SHORT = 500;
/** The least exit code of a process that a Windows exception ended. */
const EXCEPTION = 0xc0000000;

/** Returns what runs commands in child processes; the first one may have been forked ahead. */
export function supervisor(ahead: ChildProcess | null): Start {
  let waiting = ahead;
  const next = (command: string): ChildProcess => {
    const child = waiting;
    waiting = null;
    return child?.pid !== undefined && child.connected ? child : forkChild(command);
  };
  return (command, args) => supervised(command, args, () => next(command));
}

/**
 * Runs a command in a child process: a crash of onnxruntime, or a model that never ends, must not end
 * the tool without a message. After a crash, the command starts again with sessions optimized one
 * level lower.
 */
async function supervised(
  command: string,
  args: Supervised & object,
  next: () => ChildProcess,
): Promise<void> {
  const crashes: Crash[] = [];
  for (let ceiling: Level | undefined = "all"; ceiling; ) {
    const job: Job = { command, args, ceiling, crashes, collect: isCollecting() };
    const ran = await run(job, next, args.timeout * 1000);
    const { done, code, signal, timedOut, session, step } = ran;
    if (ran.lost) {
      if (!args.quiet) printNote("warning", LOST);
      ceiling = "disabled";
      continue;
    }
    if (!timedOut && (done !== null || signal === null)) {
      // Output that fails is known only once the command is done.
      process.exitCode = done || (code ?? done ?? EXIT.notProved);
      return;
    }
    for (const file of ran.temporary) fs.rmSync(file, { recursive: true, force: true });
    if (!timedOut && ASKED.some((name) => name === signal)) {
      process.kill(process.pid, signal as NodeJS.Signals);
      return;
    }
    const level: Level = session?.level ?? "disabled";
    const where = `during "${step}"${session ? ` (${session.model}, optimization level "${level}")` : ""}`;
    process.exitCode = EXIT.notProved;
    const failure = failureOf(ran, where, args.timeout);
    if (failure) return say(...failure);
    crashes.push({ model: session?.model ?? null, level, step, signal: signal! });
    const lower: Level | undefined = session ? LEVELS[LEVELS.indexOf(level) + 1] : undefined;
    const crash = `${session ? "onnxruntime" : "the process"} crashed (${signal}) ${where}`;
    if (ran.once !== null) return say("crash", `${crash}; ${ran.once}`);
    if (!lower) return say("crash", `${crash}; nothing was written. ${session ? REPORT : HEAP}`);
    if (!args.quiet) printNote("warning", `${crash}; starting again at level "${lower}".`);
    ceiling = lower;
  }
}

const LOST =
  "onnxruntime's optimizer has lost a value of the model; starting again without optimizations.";
const LATE =
  "nothing was written. Give it more time with --timeout, or smaller inputs with --dim or --inputs.";
const LARGE =
  "nothing was written. Give smaller inputs with --dim or --inputs, or a machine with more memory.";
const MEMORY = "nothing was written. The system may have run out of memory.";
const REPORT = "Please report it to onnxruntime with the model.";
const HEAP =
  "If Node ran out of memory, raise its limit with NODE_OPTIONS=--max-old-space-size=8192.";

/** Returns code and sentence of a failure that another attempt would meet too; null for a crash. */
function failureOf(
  { timedOut, outgrown, signal }: Known & End,
  where: string,
  timeout: number,
): [code: string, text: string] | null {
  if (timedOut) return ["timeout", `no answer for ${timeout} s ${where}; ${LATE}`];
  const gigabytes = ((outgrown ?? 0) / 1e9).toFixed(1);
  if (outgrown !== null)
    return [
      "memory",
      `onnxruntime took ${gigabytes} GB, nearly all free memory, ${where}; ${LARGE}`,
    ];
  if (signal !== "SIGKILL") return null;
  return ["killed", `the process was killed (SIGKILL) ${where}; ${MEMORY}`];
}

const say = (code: string, text: string): void => {
  printJsonError({ code, message: text, exitCode: EXIT.notProved });
  printNote("laurelize", text);
};

async function run(job: Job, next: () => ChildProcess, timeout: number): Promise<Known & End> {
  const known = unreported();
  const free = process.availableMemory();
  const child = next();
  const unleash = leashed(child);
  const memory = watchMemory(child, free, (held) => {
    known.outgrown = held;
  });
  const deadline = setTimeout(() => {
    known.timedOut = true;
    child.kill("SIGKILL");
  }, timeout);
  child.on("message", (report: Report) => {
    deadline.refresh();
    note(known, report);
  });
  const answers = ASKED.map((signal) => [signal, () => pass(child, known, signal)] as const);
  for (const [signal, answer] of answers) process.on(signal, answer);
  try {
    const ending = ended(child);
    child.send(job);
    return { ...(await ending), ...known };
  } finally {
    clearTimeout(deadline);
    memory.stop();
    unleash();
    for (const [signal, answer] of answers) process.off(signal, answer);
    if (process.stderr.isTTY && known.done === null) process.stderr.write("\r\x1b[K");
  }
}

/** Waits for a child's end; what Windows reports as an exit code stands for a signal. */
function ended(child: ChildProcess): Promise<End> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, by) => {
      const exception = code !== null && code >= EXCEPTION ? `0x${code.toString(16)}` : null;
      resolve({ code, signal: by ?? exception });
    });
  });
}

/** Ends a child with this process, unless it is done shortly. Returns a function that undoes this. */
function leashed(child: ChildProcess): () => void {
  let unleash = () => {};
  const leashing = setTimeout(() => {
    const leash = runAfterwards('kill -KILL "$1"', String(child.pid));
    unleash = () => leash?.kill();
  }, SHORT);
  return () => {
    clearTimeout(leashing);
    unleash();
  };
}

function note(known: Known, report: Report): void {
  if (report === "alive") return;
  if ("document" in report) printJson(report.document);
  else if ("temporary" in report) known.temporary.push(report.temporary);
  else Object.assign(known, report);
}

/**
 * Passes a signal on. A terminal sends Ctrl-C to both processes, so a child that counts
 * interrupts gets a message instead and takes the larger of the two counts.
 */
function pass(child: ChildProcess, known: Known, signal: NodeJS.Signals): void {
  if (signal === "SIGINT" && known.hearsInterrupts) child.send("interrupt");
  else child.kill(signal);
}
