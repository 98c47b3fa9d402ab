import { type ChildProcess, spawn } from "node:child_process";

/**
 * Leaves a line of shell to another process, which runs it with an argument when this one ends,
 * however it ends. This process cannot: native code hears no signal, and a kill leaves no time.
 * Does nothing on Windows.
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
