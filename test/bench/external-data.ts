import fs from "node:fs";
import path from "node:path";
import { writeSparseModel } from "./large-model.ts";
import { type Run, repeat, runNode, times } from "./measure.ts";
import { goal, line, row } from "./print.ts";

const BIN = path.resolve("dist/bin/laurelize.js");
const RUNS = 5;
const LAYERS = 40;

/** Layers in a data file, sparse so that it takes no room: rewriting reads none of it. */
export function externalData(folder: string, node: Run, gigabytes: number): void {
  const model = path.join(folder, "external.onnx");
  writeSparseModel(model, LAYERS, gigabytes * 1e9);
  const data = `${model}.data`;
  const size = `${(fs.statSync(data).size / 1e9).toFixed(1)} GB`;
  const target = path.join(folder, "out.onnx");
  const rewrite = (prove: string) => {
    const done = runNode(folder, BIN, model, "-o", target, "-f", "--quiet", "--prove", prove);
    for (const file of [target, `${target}.data`]) fs.rmSync(file, { force: true });
    return done;
  };
  const before = fs.statSync(data).blocks;
  const plain = repeat(times(RUNS, () => rewrite("none")));
  const proved = repeat(times(RUNS, () => rewrite("sites")));
  const grown = fs.statSync(data).blocks - before;
  for (const file of [model, data]) fs.rmSync(file);

  const ofNode = ({ seconds }: Run) => (seconds / node.seconds).toFixed(1);
  line(`\n${size} of external data, ${LAYERS} layers`, "seconds", "x node", "peak MB", "over Node");
  row("bare node", node, "1", node);
  row("laurelize --prove none", plain, ofNode(plain), node);
  row("laurelize --prove sites", proved, ofNode(proved), node);
  goal("rewriting", plain.seconds, 2, " s");
  goal("its peak memory", plain.peak, 250, " MB");
  goal("blocks written to the old data", grown, 0, "");
}
