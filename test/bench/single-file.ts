import fs from "node:fs";
import path from "node:path";
import { writeLargeModel } from "./large-model.ts";
import { type Run, repeat, run, runNode, times } from "./measure.ts";
import { goal, line, row } from "./print.ts";

const BIN = path.resolve("dist/bin/laurelize.js");
const RUNS = 5;

/** One large file: rewritten with its weights, and linked to them, beside a flushed copy of it. */
export function singleFile(folder: string, node: Run, gigabytes: number): void {
  const [model, target] = [path.join(folder, "large.onnx"), path.join(folder, "out.onnx")];
  writeLargeModel(model, gigabytes * 1e9);
  /** Gives the run a calm disk and a warm cache, and takes away what it wrote. */
  const calm = (task: () => Run): Run => {
    run("sync", []);
    run("cat", [model]);
    const done = task();
    fs.rmSync(target, { force: true });
    return done;
  };
  const copy = () => run("sh", ["-c", 'cp "$0" "$1" && sync "$1"', model, target]);
  const rewrite = (...options: string[]) =>
    runNode(folder, BIN, model, "-o", target, "--no-prove", "--quiet", ...options);
  const runs = times(RUNS, () => [
    calm(copy),
    calm(() => rewrite("--no-hash")),
    calm(() => rewrite("--link-weights")),
  ]);
  const [copied, rewritten, linked] = [0, 1, 2].map((k) => repeat(runs.map((each) => each[k])));
  const codec = path.resolve("test/bench/decode-encode.js");
  const decoded = calm(() => runNode(folder, codec, model, target));
  const size = `${(fs.statSync(model).size / 1e9).toFixed(2)} GB`;
  fs.rmSync(model);

  const ofCopy = ({ seconds }: Run) => (seconds / copied.seconds).toFixed(2);
  line(`\none file, ${size}`, "seconds", "x cp", "peak MB", "over Node");
  row("cp and sync", copied, "1", node);
  row("laurelize --no-prove --no-hash", rewritten, ofCopy(rewritten), node);
  row("laurelize --link-weights", linked, ofCopy(linked), node);
  row("decode + encode with onnx-proto", decoded, ofCopy(decoded), node);
  goal("rewriting beside cp", rewritten.seconds / copied.seconds, 1.3, " x");
  goal("its peak memory over Node's own", rewritten.peak - node.peak, 150, " MB");
  goal("linking", linked.seconds, 0.6, " s");
  goal("linking beside cp", linked.seconds / copied.seconds, 1, " x");
}
