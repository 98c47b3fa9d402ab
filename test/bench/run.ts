import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { externalData } from "./external-data.ts";
import { latency } from "./latency.ts";
import { manyNodes } from "./many-nodes.ts";
import { repeat, runNode, times } from "./measure.ts";
import { goal, line, row } from "./print.ts";
import { proofs } from "./proofs.ts";
import { singleFile } from "./single-file.ts";
import { steps } from "./steps.ts";

turnOffTelemetry();

// npm run bench [-- <part> [<GB>]]: every part, or one of file, external, nodes, proof,
// start, latency, steps.
// Each figure stands beside a named reference in the same run, on a warm cache, copies flushed.

const BIN = path.resolve("dist/bin/laurelize.js");
const STARTS = 9;
const [part, size] = process.argv.slice(2);
const wanted = (name: string) => part === undefined || part === name;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "laurelize-bench-"));
process.once("SIGINT", () => process.exit(130));
process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true }));

console.log(`Node ${process.version}, ${os.cpus()[0].model}, ${os.type()} ${os.arch()}`);
const starts = times(STARTS, () => [runNode(folder, "-e", "0"), runNode(folder, BIN, "--help")]);
const [node, help] = [0, 1].map((k) => repeat(starts.map((pair) => pair[k])));

if (wanted("file")) singleFile(folder, node, Number(size ?? 1.6));
if (wanted("external")) externalData(folder, node, Number(size ?? 13));
if (wanted("nodes")) manyNodes();
if (wanted("proof")) proofs();
if (wanted("latency")) await latency();
if (wanted("steps")) steps();
if (wanted("start")) {
  line("\nstart", "seconds", "x node", "peak MB", "over Node");
  row("bare node", node, "1", node);
  row("laurelize --help", help, (help.seconds / node.seconds).toFixed(2), node);
  goal("--help beside bare Node", help.seconds / node.seconds, 2, " x");
}
