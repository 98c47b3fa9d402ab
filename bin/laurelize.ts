#!/usr/bin/env node
import { helpText } from "./help.ts";
import { turnOffTelemetry } from "./no-telemetry.ts";

turnOffTelemetry();

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

const words = process.argv.slice(2);
const help = helpText(words);
if (help !== null) process.stdout.write(help);
else await (await import("./start.ts")).start(words);
