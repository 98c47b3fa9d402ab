import type { ChildProcess } from "node:child_process";
import { guardTerminal } from "./guard-terminal.ts";
import { main } from "./main.ts";
import { supervisor } from "./supervise.ts";

/**
 * Runs one command line; commands that run onnxruntime run in a child process. The first of them
 * gets the one that was forked ahead.
 */
export async function start(words: readonly string[], ahead: ChildProcess | null): Promise<void> {
  guardTerminal();
  try {
    await main(words, supervisor(ahead));
  } finally {
    ahead?.kill("SIGKILL");
  }
}
