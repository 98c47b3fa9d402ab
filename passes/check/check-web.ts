import { checkGiven, checkModel, object, orNull, text } from "../../src/arguments.ts";
import { nudgedBaseline } from "../../src/compare/nudged-weights.ts";
import { notRun, type Outcome } from "../../src/compare/outcome.ts";
import { type FunctionReport, runAll, sameFunction } from "../../src/compare/outputs.ts";
import { retyped, tooLarge } from "../../src/compare/second-opinion.ts";
import { listed } from "../../src/figures.ts";
import { tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import type { Types, Value } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { graphValues } from "../../src/graph/scopes.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { dataTypeNamed } from "../../src/onnx/dtypes.ts";
import { type ModelFile, tensorBytes } from "../../src/onnx/model-file.ts";
import type { Declared } from "../../src/options.ts";
import type { Watching } from "../../src/ort/abortable.ts";
import { withFixedSeeds } from "../../src/ort/fixed-seeds.ts";
import { inMemory, runnable } from "../../src/ort/loading.ts";
import { reason } from "../../src/ort/messages.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { type RunOptions, runOptions, sampleInputs } from "../../src/samples/samples.ts";
import type { TargetFinding } from "./finding.ts";
import { type MissingKernel, missingKernels, readKernels } from "./web-kernels.ts";
import { sizeFindings, type WebSizes, webSizes } from "./web-sizes.ts";

/** How to check a model for the web. */
export interface WebCheckOptions extends Omit<WebRun, "web"> {
  /** onnxruntime-web; null if there is none, and then nothing is run in it. */
  readonly web: Ort | null;
  /** The text of docs/webgpu-operators.md of the installed onnxruntime-web, if it is there. */
  readonly kernels?: string | null | undefined;
}

const webCheckOptions: Declared<WebCheckOptions> = {
  ...(({ feeds, dims, seed }) => ({ feeds, dims, seed }))(runOptions),
  ort: object,
  web: orNull(object),
  kernels: orNull(text),
};

/** What was found of a model in a browser. */
export interface WebCheck {
  /** Whether it runs through wasm and computes the same; null if that could not be checked. */
  readonly runs: boolean | null;
  /** The runs under onnxruntime-web and onnxruntime-node, compared. */
  readonly compared: Outcome<FunctionReport>;
  readonly sizes: WebSizes;
  readonly findings: readonly TargetFinding[];
  /** Operators without a WebGPU kernel by the installed table; null without a table. */
  readonly withoutWebGpu: readonly MissingKernel[] | null;
}

/**
 * Checks whether a model runs in onnxruntime-web: loads it there, compares its outputs with
 * onnxruntime-node's, and reads sizes, types and operators.
 */
export async function checkForWeb(model: Model, options: WebCheckOptions): Promise<WebCheck> {
  checkModel("checkForWeb", model);
  checkGiven("checkForWeb", options, webCheckOptions);
  const { web, kernels, ...run } = options;
  const sizes = webSizes(model);
  const { types } = await typesOf(model, options.ort);
  const findings = [
    ...sizeFindings(model, sizes),
    ...boundaryFindings(model, types),
    ...wideIntegerFindings(model),
  ];
  const fails = findings.some(({ weight }) => weight === "fails");
  const compared: Outcome<FunctionReport> = fails
    ? notRun("it cannot run there, for the reasons given")
    : web
      ? await webRuns(model, { ...run, web })
      : notRun("onnxruntime-web is not installed (npm install onnxruntime-web)");
  return {
    runs: fails ? false : compared.outcome === "not run" ? null : compared.outcome === "passed",
    compared,
    sizes,
    findings,
    withoutWebGpu: kernels ? missingKernels(model, readKernels(kernels)) : null,
  };
}

const ROUNDS = 3;

interface WebRun extends Omit<RunOptions, keyof Watching> {
  readonly ort: Ort;
  readonly web: Ort;
}

/**
 * Runs a model under onnxruntime-web and under onnxruntime-node on the same inputs. Outputs may
 * differ by four times the noise of both: what optimizing alone moves either by, or what a change of
 * the last bit of weights does, which is the size of a rounding. Does not run if onnxruntime-node
 * takes the model on no sample inputs, or if it is too large.
 */
async function webRuns(
  model: Model,
  { ort, web, feeds: given, ...options }: WebRun,
): Promise<Outcome<FunctionReport>> {
  const large = tooLarge(model.file);
  if (large !== null) return notRun(large);
  const load = (file: ModelFile) => runnable(withFixedSeeds(file));
  const { types } = await typesOf(model, ort);
  try {
    const run = (feed: Tensors) => runAll(ort, load(model.file), "disabled", [feed]);
    const feeds =
      given ?? (await sampleInputs({ ort, graph: model.graph, types }, run, ROUNDS, options)).feeds;
    const baseline = await nudgedBaseline(ort, model.file, feeds, { load });
    const theirs = { ...baseline, feeds: feeds.map((each) => retyped(web, each)) };
    return await sameFunction(web, theirs, inMemory(withFixedSeeds(model.file)), "near");
  } catch (error) {
    return notRun(`onnxruntime-node does not run it (${reason(error)})`);
  }
}

/** What a caller has to do about a type at the boundary. */
const AT_BOUNDARY: Readonly<Record<string, string>> = {
  float16:
    "its values are a Float16Array if the browser has one, else a Uint16Array of their bits; a float32 input with a Cast behind it runs everywhere",
  int4: "two values share a byte in the JavaScript API; widen it to int8 with a Cast",
  uint4: "two values share a byte in the JavaScript API; widen it to uint8 with a Cast",
};

/** What the types of inputs and outputs ask of a caller in JavaScript. */
function boundaryFindings({ graph }: Model, types: Types): TargetFinding[] {
  const { inputs, outputs } = graph.main;
  const code = "boundary-type";
  return [...inputs, ...outputs].flatMap((value, k): TargetFinding[] => {
    const dtype = types.get(value)?.dtype;
    if (dtype === undefined) return [];
    const what = `${k < inputs.length ? "input" : "output"} ${value.name} is ${dtype}`;
    const refused = `${what}, and the JavaScript API has no such tensors; add a Cast to another type there.`;
    if (dataTypeNamed(dtype)?.ort === null) return [{ code, weight: "fails", text: refused }];
    const advice = own(AT_BOUNDARY, dtype);
    return advice === undefined ? [] : [{ code, weight: "limits", text: `${what}: ${advice}.` }];
  });
}

/** Inputs at which a value beyond the axis is clamped, by operator: the CPU reads them. */
const CLAMPED: Readonly<Record<string, readonly number[]>> = { Slice: [1, 2, 3, 4] };

/** Elements up to which int64 weights are read. */
const READ = 1 << 22;

/** int64 weights that 32 bits do not hold, in which WebGPU computes on int64. */
function wideIntegerFindings(model: Model): TargetFinding[] {
  const names = graphValues(model.graph)
    .filter((value) => isWide(model, value))
    .map(({ name }) => name);
  const text = `${listed(names, 5)} ${names.length > 1 ? "hold" : "holds"} int64 values beyond 31 bits, which WebGPU cuts to 32; through wasm they stay whole.`;
  return names.length > 0 ? [{ code: "int64-values", weight: "limits", text }] : [];
}

function isWide({ file }: Model, value: Value): boolean {
  const tensor = tensorOf(value);
  if (!tensor || typeOfTensor(value)?.dtype !== "int64") return false;
  const { uses } = value;
  const isClamped = uses.every(({ node, index }) => own(CLAMPED, node.op)?.includes(index));
  if (isClamped && uses.length > 0) return false;
  const bytes = tensorBytes(file, tensor).slice();
  if (bytes.length > READ * 8) return false;
  return new BigInt64Array(bytes.buffer).some((each) => each !== BigInt.asIntN(32, each));
}
