import { type ChildProcess, spawn } from "node:child_process";

/**
 * Starts a process that runs a shell line with an argument when this one ends, however it ends: this
 * one may be killed, or hear no signal in native code. Does nothing on Windows.
 */
export function runAfterwards(line: string, argument: string): ChildProcess | null {
  if (process.platform === "win32") return null;
  const shell = spawn("/bin/sh", ["-c", `cat; ${line}`, "sh", argument], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  shell.on("error", () => {});
  shell.unref();
  (shell.stdin as unknown as { unref?(): void }).unref?.(); // Bun has none
  return shell;
}
