import fs from "node:fs";
import { commandIn, loadCommand, runCommand } from "./commands/index.ts";
import { printFailure } from "./failure.ts";
import { guardTerminal } from "./guard-terminal.ts";
import { answerAs } from "./json.ts";
import type { Job } from "./supervise.ts";
import { begin, tell } from "./supervision.ts";
import { watchOutput } from "./watch-output.ts";

/** How often the child says that its event loop turns, which native code stops. */
const BEAT = 1000;

guardTerminal();

const orphaned = () => process.exit(1);
process.once("disconnect", orphaned);
watchOutput();

// If memory runs out, Linux ends this process before any other; elsewhere there is no such file.
try {
  fs.writeFileSync("/proc/self/oom_score_adj", "1000", { flag: "r+" });
} catch {}

// What fails here fails again when the command runs.
loadCommand(process.argv[2]).catch(() => {});

process.once("message", async (job: Job) => {
  begin(job);
  const { json, jsonLines } = job.args as { json?: boolean; jsonLines?: boolean };
  const collected = job.collect ? (document: object) => tell({ document }) : null;
  answerAs(jsonLines ? "json-lines" : json ? "json" : "text", collected);
  setInterval(() => tell("alive"), BEAT).unref();
  try {
    await runCommand(job.command, job.args);
  } catch (error) {
    const isLost = (error as { code?: unknown }).code === "optimizer";
    if (isLost && job.ceiling !== "disabled") tell({ lost: true });
    else printFailure(error, commandIn(job.command));
  }
  tell({ done: Number(process.exitCode ?? 0) });
  process.off("disconnect", orphaned);
  process.disconnect();
});
