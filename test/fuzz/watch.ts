import type { ChildProcess } from "node:child_process";
import fs from "node:fs";

/** How long a case may take, on a machine that does nothing else, and how much memory. */
export interface Limits {
  readonly seconds: number;
  readonly megabytes: number;
}

const PAGE = 4096;
const EVERY = 50;
/** Ticks of a second in which the platform tells a process's time. */
const TICKS = 100;
/** How many times as long a case may wait for its turn on a loaded machine. */
const PATIENCE = 10;

/** Resident memory of a process in MB; 0 where the platform does not tell. */
function resident(pid: number): number {
  try {
    const pages = Number(fs.readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return (pages * PAGE) / 2 ** 20;
  } catch {
    return 0;
  }
}

/** Seconds that a process has computed; Infinity where the platform does not tell. */
function computed(pid: number): number {
  try {
    const [, rest] = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const fields = rest.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return Infinity;
  }
}

/** Kills a process that takes too long or too much from now on, and says why. Call what it returns when it is done. */
export function watch(
  child: ChildProcess,
  { seconds, megabytes }: Limits,
  tell: (why: string) => void,
): () => void {
  const start = performance.now();
  const before = computed(child.pid ?? 0);
  const timer = setInterval(() => {
    const took = resident(child.pid ?? 0);
    const waited = (performance.now() - start) / 1000;
    const used = Number.isFinite(before) ? computed(child.pid ?? 0) - before : Infinity;
    const late = waited > seconds && (used > seconds || waited > PATIENCE * seconds);
    if (!late && took <= megabytes) return;
    tell(late ? `hangs: not done after ${seconds} s` : `takes ${Math.round(took)} MB of memory`);
    child.kill("SIGKILL");
    clearInterval(timer);
  }, EVERY);
  return () => clearInterval(timer);
}
