import { ranOutOfMemory } from "../../passes/internal.ts";
import { failureSentence } from "../failure.ts";
import type { Question } from "./engine.ts";
import type { Reply, Reporting, WorkReport } from "./messages.ts";
import { ModelWork } from "./model-work.ts";
import { warmUp } from "./runtime.ts";

/** Posts a reply; bytes in it are handed over, not copied. */
function reply(message: Reply, bytes: readonly Uint8Array<ArrayBuffer>[] = []): void {
  postMessage(message, { transfer: bytes.map(({ buffer }) => buffer) });
}

const filesIn = (result: unknown): Uint8Array<ArrayBuffer>[] =>
  Object.values(result ?? {}).flatMap((value) => {
    const { bytes } = (value ?? {}) as { bytes?: unknown };
    return bytes instanceof Uint8Array ? [bytes as Uint8Array<ArrayBuffer>] : [];
  });

const work = new ModelWork();

addEventListener("message", async ({ data }: MessageEvent<Question>) => {
  const { id, name } = data;
  const args: readonly unknown[] = data.args;
  const report = (report: WorkReport) => reply({ id, report });
  try {
    const call = work[name] as (report: Reporting, ...args: unknown[]) => Promise<unknown>;
    const result = await call.call(work, report, ...args);
    reply({ id, result }, filesIn(result));
  } catch (error) {
    reply({ id, error: sentenceOf(error) });
  }
});

void warmUp();

/** The command line's sentence, or that the browser has too little memory. */
function sentenceOf(error: unknown): string {
  const { exitCode } = error as { exitCode?: number };
  if (exitCode === undefined && ranOutOfMemory(error))
    return `the model does not fit into the memory that the browser gives (${(error as Error)?.message ?? error}); use the command line for it.`;
  return failureSentence(error);
}
