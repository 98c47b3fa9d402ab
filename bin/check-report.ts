import path from "node:path";
import { bytes, counted, listed } from "../passes/internal.ts";
import type { Model, ModelNeeds, OutputReport, WebCheck } from "../src/index.ts";
import type { Placement } from "./chromium.ts";
import { marks } from "./colors.ts";
import { figure, headline } from "./text.ts";
import type { WebEntry } from "./web-package.ts";

interface WebReport {
  readonly checked: WebCheck;
  readonly placements: readonly Placement[];
  readonly version: string | null;
  readonly entries: readonly WebEntry[];
  readonly written: SplitFiles | null;
}

/** The files that --split has written. */
interface SplitFiles {
  readonly output: string;
  readonly bytes: number;
  readonly data: Readonly<Record<string, number>>;
}

const line = (mark: string, what: string, text: string) => `${mark} ${what.padEnd(13)} ${text}`;
const [PASSED, FAILED, UNKNOWN] = [marks.passed, marks.failed, marks["not run"]];
/** Returns a line that is neither for nor against the model. */
const note = (what: string, text: string) => line(" ", what, text);

/** Returns the report on a model for the web, line by line; `file` is where it is, or will be. */
export function webLines(file: string, model: Model, report: WebReport): string[] {
  const { checked, written, version } = report;
  const { sizes, findings } = checked;
  const data = Object.entries(sizes.data).map(([name, size]) => `${name} ${bytes(size)}`);
  return [
    headline(model, path.basename(file)),
    runLine(checked, version),
    ...findings.map(({ weight, text }) =>
      weight === "fails" ? line(FAILED, "limit", text) : note("note", text),
    ),
    note(
      "sizes",
      `${bytes(sizes.file)}${data.length > 0 ? ` and ${data.join(", ")}` : ""}; at most 2 GB a file and 4 GB in all can be loaded`,
    ),
    ...gpuLines(report),
    ...wasmLines(report.entries),
    ...(written ? writtenLines(written) : []),
  ];
}

function runLine({ compared, runs }: WebCheck, version: string | null): string {
  const where = `onnxruntime-web ${version ?? ""}`.trim();
  if (compared.outcome === "not run")
    return line(runs === false ? FAILED : UNKNOWN, "runs", `not checked: ${compared.reason}`);
  if (compared.error !== null)
    return line(FAILED, "runs", `${where} cannot run it (${compared.error})`);
  const largest = ({ plain, optimized }: OutputReport) =>
    Math.max(plain.absolute, optimized.absolute);
  const share = (report: OutputReport) => largest(report) / report.tolerance;
  const worst = compared.outputs.reduce((a, b) => (share(b) > share(a) ? b : a));
  const figures = `output ${worst.output} differs by ${figure(largest(worst))} from onnxruntime-node's, tolerance ${figure(worst.tolerance)}`;
  return compared.outcome === "passed"
    ? line(
        PASSED,
        "runs",
        `in ${where} through wasm, on ${counted(compared.inputs, "input")}; ${figures}`,
      )
    : line(FAILED, "differs", `in ${where}: ${figures}`);
}

function gpuLines({ checked: { withoutWebGpu }, placements }: WebReport): string[] {
  const table =
    withoutWebGpu === null
      ? "no table of kernels is installed"
      : withoutWebGpu.length === 0
        ? "the installed table has a kernel for every operator at this opset"
        : `the installed table has no kernel for ${listed(withoutWebGpu.map(({ op, opset, nodes }) => `${op} (opset ${opset}, ${counted(nodes, "node")})`))}`;
  if (placements.length === 0)
    return [
      note("WebGPU", table),
      line(
        UNKNOWN,
        "WebGPU",
        "which nodes fall back to the CPU is unknown: to find out, the model must run, and Chromium (CHROME_PATH) and the package playwright-core must be installed",
      ),
    ];
  return [note("WebGPU", table), ...placements.map(placementLine)];
}

function placementLine({ entry, providers, error }: Placement): string {
  if (error !== null) return line(UNKNOWN, "in Chromium", `${entry}: no WebGPU session (${error})`);
  const nodesOf = Object.entries(providers);
  const counts = nodesOf.map(([name, { count }]) => `${count} on ${name}`).join(", ");
  const onCpu = providers.CPUExecutionProvider;
  const names = onCpu && onCpu.nodes.length > 0 ? `; on the CPU: ${listed(onCpu.nodes)}` : "";
  const nodes = nodesOf.reduce((sum, [, { count }]) => sum + count, 0);
  return note("in Chromium", `${entry}: ${counted(nodes, "node")}, ${counts}${names}`);
}

function wasmLines(entries: readonly WebEntry[]): string[] {
  if (entries.length === 0) return [];
  return [
    ...entries.map(({ entry, wasm, bytes: size }) =>
      note("fetches", `${entry}: ${wasm}, ${bytes(size)}`),
    ),
    note(
      "threads",
      "need the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp; without them wasm runs on one thread",
    ),
  ];
}

function writtenLines({ output, bytes: size, data }: SplitFiles): string[] {
  const names = Object.keys(data);
  const files = Object.entries(data).map(([name, length]) => `${name} ${bytes(length)}`);
  const name = JSON.stringify(path.basename(output));
  const list = names.map(
    (each) => `    { path: ${JSON.stringify(each)}, data: ${JSON.stringify(each)} },`,
  );
  return [
    `wrote ${output} ${bytes(size)}, ${files.join(", ")}`,
    "",
    `const session = await ort.InferenceSession.create(${name}, {`,
    "  externalData: [",
    ...list,
    "  ],",
    "});",
    "",
    `// transformers.js: { use_external_data_format: ${names.length === 1 ? "true" : names.length} }`,
  ];
}

/** Returns the report on a model for another onnxruntime. */
export function needsLines(
  target: string,
  model: Model,
  found: { readonly runs: boolean | null; readonly reason: string; readonly needs: ModelNeeds },
): string[] {
  const { runs, reason, needs } = found;
  const { newest, others } = needs;
  const mark = runs === null ? UNKNOWN : runs ? PASSED : FAILED;
  const said = runs === null ? `unknown: ${reason}` : reason;
  const opsets = Object.entries(needs.opsets).map(([domain, version]) => `${domain} ${version}`);
  return [
    headline(model),
    line(mark, target, said),
    note(
      "it needs",
      `IR version ${needs.irVersion} and the operator sets ${opsets.join(", ")}${newest ? `; its newest operator is ${newest.op}, from opset ${newest.since}` : ""}`,
    ),
    ...(others.length > 0 ? [note("it needs", `the operators ${listed(others)}`)] : []),
  ];
}
