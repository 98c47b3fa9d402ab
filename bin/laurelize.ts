#!/usr/bin/env node
import { EXIT } from "./exit.ts";
import { printFailure } from "./failure.ts";
import { forkAhead } from "./fork-child.ts";
import { helpText } from "./help.ts";
import { answerAs, answerOf } from "./json.ts";
import { turnOffTelemetry } from "./no-telemetry.ts";
import { watchOutput } from "./watch-output.ts";

turnOffTelemetry();
watchOutput();

const words = process.argv.slice(2);
const help = helpText(words);
if (help !== null) process.stdout.write(help);
else if (isSomewhere()) {
  const ahead = forkAhead(words);
  const { start } = await import("./start.ts");
  await start(words, ahead);
}

/** Whether the working folder exists: the parser asks for it when it is loaded. */
function isSomewhere(): boolean {
  try {
    process.cwd();
    return true;
  } catch {
    answerAs(answerOf(words));
    const gone = "the working folder does not exist any more; change to another one.";
    printFailure(Object.assign(new Error(gone), { exitCode: EXIT.usage }));
    return false;
  }
}
