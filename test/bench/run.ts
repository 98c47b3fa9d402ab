import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { writeLargeModel } from "./large-model.ts";
import { median, type Run, run, runNode } from "./measure.ts";

// npm run bench [-- <GB>]: what rewriting a large model costs beside copying it, in one run, on a
// warm cache, every copy flushed to the disk; and what the command line costs beside Node itself.

const BIN = path.resolve("dist/bin/laurelize.js");
const RUNS = 5;
const STARTS = 9;
const gigabytes = Number(process.argv[2] ?? 1.6);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "laurelize-bench-"));
const [model, target] = [path.join(folder, "large.onnx"), path.join(folder, "out.onnx")];

/** The median of several runs, or the run that failed. */
function repeat(runs: readonly Run[]): Run {
  const failed = runs.find((one) => one.failed !== null);
  if (failed) return failed;
  return {
    seconds: median(runs.map((r) => r.seconds)),
    peak: median(runs.map((r) => r.peak)),
    failed: null,
  };
}

const times = <T>(count: number, each: () => T): T[] => Array.from({ length: count }, each);

/** Gives the run a calm disk and a warm cache, and takes away what it wrote. */
function calm(task: () => Run): Run {
  run("sync", []);
  run("cat", [model]);
  const done = task();
  fs.rmSync(target, { force: true });
  return done;
}

const copy = () => run("sh", ["-c", 'cp "$0" "$1" && sync "$1"', model, target]);
const rewrite = () =>
  runNode(folder, BIN, model, "-o", target, "--no-verify", "--no-hash", "--quiet");
const decodeEncode = () =>
  runNode(folder, path.resolve("test/bench/decode-encode.js"), model, target);

try {
  console.log(`Node ${process.version}, ${os.cpus()[0].model}, ${os.type()} ${os.arch()}`);
  writeLargeModel(model, gigabytes * 1e9);
  const size = `${(fs.statSync(model).size / 1e9).toFixed(2)} GB`;
  const pairs = times(RUNS, () => [calm(copy), calm(rewrite)]);
  const [copied, rewritten] = [0, 1].map((k) => repeat(pairs.map((pair) => pair[k])));
  const decoded = calm(decodeEncode);
  const starts = times(STARTS, () => [runNode(folder, "-e", "0"), runNode(folder, BIN, "--help")]);
  const [node, help] = [0, 1].map((k) => repeat(starts.map((pair) => pair[k])));

  const slower = rewritten.seconds / copied.seconds;
  const above = rewritten.peak - node.peak;
  const later = help.seconds / node.seconds;

  const line = (...cells: string[]) =>
    console.log(
      cells[0].padEnd(32) +
        cells
          .slice(1)
          .map((cell) => cell.padStart(10))
          .join(""),
    );
  const whole = (figure: number) => (Number.isNaN(figure) ? "" : figure.toFixed(0));
  const row = (title: string, { seconds, peak, failed }: Run, ratio: string) =>
    failed
      ? line(title, failed)
      : line(title, seconds.toFixed(2), ratio, whole(peak), whole(peak - node.peak));
  line("", "seconds", "x cp", "peak MB", "over Node");
  const ofCopy = ({ seconds }: Run) => (seconds / copied.seconds).toFixed(2);
  row(`cp and sync, ${size}`, copied, "1");
  row("laurelize --no-verify", rewritten, ofCopy(rewritten));
  row("decode + encode with onnx-proto", decoded, ofCopy(decoded));
  row("bare node", node, "");
  row("laurelize --help", help, "");

  const goal = (title: string, figure: number, limit: number, unit: string) => {
    const met = figure <= limit;
    console.log(
      `${met ? "met   " : "MISSED"} ${title}: ${figure.toFixed(2)}${unit}, at most ${limit}${unit}`,
    );
    if (!met) process.exitCode = 1;
  };
  goal("rewriting beside cp", slower, 1.5, " x");
  goal("peak memory over Node's own", above, 150, " MB");
  goal("--help beside bare Node", later, 3, " x");
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
