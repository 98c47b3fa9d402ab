#!/usr/bin/env node
import { main } from "./main.ts";
import { turnOffTelemetry } from "./no-telemetry.ts";
import { supervise } from "./supervise.ts";

turnOffTelemetry();

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

await main(process.argv.slice(2), supervise);
