import { main } from "./main.ts";
import { supervise } from "./supervise.ts";

/** Runs one command line; commands that run onnxruntime run in a child process. */
export const start = (words: readonly string[]): Promise<void> => main(words, supervise);
