import type { ChildProcess } from "node:child_process";
import fs from "node:fs";

/** How long a case may take, and how much memory. */
export interface Limits {
  readonly seconds: number;
  readonly megabytes: number;
}

const PAGE = 4096;
const EVERY = 50;

/** Resident memory of a process in MB; 0 where the platform does not tell. */
function resident(pid: number): number {
  try {
    const pages = Number(fs.readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return (pages * PAGE) / 2 ** 20;
  } catch {
    return 0;
  }
}

/** Kills a process that takes too long or too much from now on, and says why. Call what it returns when it is done. */
export function watch(
  child: ChildProcess,
  { seconds, megabytes }: Limits,
  tell: (why: string) => void,
): () => void {
  const start = performance.now();
  const timer = setInterval(() => {
    const took = resident(child.pid ?? 0);
    const late = performance.now() - start > seconds * 1000;
    if (!late && took <= megabytes) return;
    tell(late ? `hangs: not done after ${seconds} s` : `takes ${Math.round(took)} MB of memory`);
    child.kill("SIGKILL");
    clearInterval(timer);
  }, EVERY);
  return () => clearInterval(timer);
}
