import type { Crash, Job, Level, Report } from "./supervise.ts";

const state: { ceiling: Level; crashes: readonly Crash[] } = { ceiling: "all", crashes: [] };

/** Begins an attempt at a job in this process. */
export function begin({ ceiling, crashes }: Job): void {
  state.ceiling = ceiling;
  state.crashes = crashes;
}

/** Returns the highest optimization level that sessions are given. */
export const ceiling = (): Level => state.ceiling;

/** Returns the crashes of onnxruntime in earlier attempts, first to last. */
export const crashes = (): readonly Crash[] => state.crashes;

/** Reports to the parent, at once; does nothing without one. */
export function tell(report: Report): void {
  if (process.connected) process.send?.(report);
}
