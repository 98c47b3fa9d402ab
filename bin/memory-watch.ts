import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import { tried } from "../src/errors.ts";

/** Milliseconds between two looks at a child's memory. */
const EVERY = 200;
/** The free memory that a child must leave: this many bytes, or if that is less, this share. */
const [LEAST, SHARE] = [512e6, 0.05];

/** Whether a child that holds so many bytes leaves too little of those that were free. */
export const isTooMuch = (held: number, free: number): boolean =>
  held > free - Math.min(LEAST, SHARE * free);

/** Returns the bytes of a process that are not mapped from files, on Linux; null if unknown. */
export function heldBy(pid: number): number | null {
  const status = tried(() => fs.readFileSync(`/proc/${pid}/status`, "utf8")) ?? "";
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(status) ?? [];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/**
 * Watches a child's memory until `stop` is called. If the child leaves too little of what was free,
 * ends it and reports the bytes that it held: a growing model must not take the machine along.
 */
export function watchMemory(
  child: ChildProcess,
  free: number,
  ended: (held: number) => void,
): { stop(): void } {
  const look = () => {
    const held = child.pid === undefined ? null : heldBy(child.pid);
    if (held === null || !isTooMuch(held, free)) return;
    clearInterval(timer);
    ended(held);
    child.kill("SIGKILL");
  };
  const timer = setInterval(look, EVERY);
  return { stop: () => clearInterval(timer) };
}
