import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { externalData } from "./external-data.ts";
import { halves } from "./halves.ts";
import { latency } from "./latency.ts";
import { manyNodes } from "./many-nodes.ts";
import { repeat, runNode, times } from "./measure.ts";
import { type ChosenParts, chosenParts } from "./parts.ts";
import { goal, line, row } from "./print.ts";
import { proofs } from "./proofs.ts";
import { ranks } from "./ranks.ts";
import { singleFile } from "./single-file.ts";
import { steps } from "./steps.ts";

turnOffTelemetry();

// npm run bench [-- <part> [<GB>] ...]: every part, or those of parts.ts that are named.
// Each figure stands beside a named reference in the same run, on a warm cache, copies flushed.

const BIN = path.resolve("dist/bin/laurelize.js");
const STARTS = 9;
const parts = asked();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "laurelize-bench-"));
process.once("SIGINT", () => process.exit(130));
process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true }));

console.log(`Node ${process.version}, ${os.cpus()[0].model}, ${os.type()} ${os.arch()}`);
const starts = times(STARTS, () => [runNode(folder, "-e", "0"), runNode(folder, BIN, "--help")]);
const [node, help] = [0, 1].map((k) => repeat(starts.map((pair) => pair[k])));

const [single, external] = [parts.get("file"), parts.get("external")];
if (single) singleFile(folder, node, single);
if (external) externalData(folder, node, external);
if (parts.has("nodes")) manyNodes();
if (parts.has("proof")) proofs();
if (parts.has("latency")) await latency();
if (parts.has("steps")) steps();
if (parts.has("ranks")) ranks(folder);
if (parts.has("halves")) halves();
if (parts.has("start")) {
  line("\nstart", "seconds", "x node", "peak MB", "over Node");
  row("bare node", node, "1", node);
  row("laurelize --help", help, (help.seconds / node.seconds).toFixed(2), node);
  goal("--help beside bare Node", help.seconds / node.seconds, 2, " x");
}

/** The parts that are asked for; ends the process with a sentence if one is not known. */
function asked(): ChosenParts {
  try {
    return chosenParts(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}
