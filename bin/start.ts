import { guardTerminal } from "./guard-terminal.ts";
import { main } from "./main.ts";
import { supervise } from "./supervise.ts";

/** Runs one command line; commands that run onnxruntime run in a child process. */
export function start(words: readonly string[]): Promise<void> {
  guardTerminal();
  return main(words, supervise);
}
