import path from "node:path";
import { saveBytes } from "../passes/internal.ts";
import {
  diff,
  diffPage,
  drawDiff,
  InputError,
  type Model,
  type ModelDiff,
  nodeData,
  openModel,
} from "../src/index.ts";
import type { DiffArguments } from "./commands/diff.ts";
import { diffLines } from "./diff-report.ts";
import { comparisonPage, titleOfTwo } from "./html/comparison-page.ts";
import { checkReport, type ReportContents, stagedReport } from "./html/report-page.ts";
import { readInputs } from "./inputs.ts";
import { jsonFile, printResult, reportLine } from "./json.ts";
import { checkEnding, checkFree, filesOfModel } from "./output.ts";
import { withProgress } from "./progress.ts";
import { ort } from "./runtime.ts";
import { crashes, tell } from "./supervision.ts";

/** Prints and writes what changed between two models. */
export async function runDiff(args: DiffArguments): Promise<void> {
  const { trustLinks } = args;
  const a = await openModel(args.a, { trustLinks });
  const b = await openModel(args.b, { trustLinks });
  const files = filesOf(args);
  for (const file of files) checkFree(file, [args.a, args.b], args.force);
  const read = [...filesOfModel(args.a, a), ...filesOfModel(args.b, b)];
  checkReport(args, [...read, ...files]);
  tell({ step: "comparing" });
  const changes = await differences(args, a, b);
  const page = await stagedReport(args, () => diffReport(a, b, changes));
  const { output, nodeData: data } = args;
  if (output !== undefined)
    saveBytes(new TextEncoder().encode(drawingFor(output)(changes)), output);
  if (data !== undefined) saveBytes(jsonFile(nodeData(a, b, changes)), data);
  page.keep();
  const document = { a: args.a, b: args.b, ...changes, crashes: crashes(), ...page.json };
  const wrote = [...files.map((file) => `wrote ${file}`), ...reportLine(args)];
  printResult(args, document, [
    ...diffLines(changes, args.all),
    ...(wrote.length > 0 ? ["", ...wrote] : []),
  ]);
}

function diffReport(a: Model, b: Model, changes: ModelDiff): ReportContents {
  const { comparison } = changes;
  const drawing = { title: "What changed", content: drawDiff(changes) };
  if (comparison !== null && !("outcome" in comparison)) {
    const page = comparisonPage(a, b, comparison);
    return { ...page, ladder: null, sections: [drawing, ...page.sections] };
  }
  return {
    title: titleOfTwo(a, b),
    verdict: { outcome: "unsure", text: comparison?.reason ?? "the two models were not run" },
    ladder: null,
    sections: [drawing],
    models: [a, b],
  };
}

/** Returns what draws into a file, by its ending. Throws an InputError for others. */
const drawingFor = (output: string) =>
  checkEnding(output, [".svg", ".html"]) === ".svg" ? drawDiff : diffPage;

/** Returns the files that are written. Throws an InputError if one cannot be. */
function filesOf({ output, nodeData: data }: DiffArguments): string[] {
  if (output !== undefined) drawingFor(output);
  if (output !== undefined && data !== undefined && path.resolve(output) === path.resolve(data))
    throw new InputError(`-o and --node-data both name ${data}; give each a file of its own.`);
  return [output, data].filter((file) => file !== undefined);
}

const differences = (args: DiffArguments, a: Model, b: Model): Promise<ModelDiff> =>
  withProgress(args, "comparing", async (onProgress) => {
    onProgress(0, "nodes and weights");
    if (args.prove === "none") return diff(a, b);
    const feeds = await readInputs(a, args.inputs);
    return diff(a, b, { ort, dims: args.dim, seed: args.seed, feeds, onProgress });
  });
