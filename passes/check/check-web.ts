import { checkGiven, checkModel, object, orNull, text } from "../../src/arguments.ts";
import type { Outcome } from "../../src/compare/outcome.ts";
import type { FunctionReport } from "../../src/compare/outputs.ts";
import { type Model, typesOf } from "../../src/model.ts";
import type { Declared } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import { runOptions } from "../../src/samples/samples.ts";
import type { TargetFinding } from "./finding.ts";
import { type MissingKernel, missingKernels, readKernels } from "./web-kernels.ts";
import { type WebRun, webRuns } from "./web-runs.ts";
import { sizeFindings, type WebSizes, webSizes } from "./web-sizes.ts";
import { boundaryFindings, wideIntegerFindings } from "./web-types.ts";

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
    ? { outcome: "not run", reason: "it cannot run there, for the reasons given" }
    : web
      ? await webRuns(model, { ...run, web })
      : {
          outcome: "not run",
          reason: "onnxruntime-web is not installed (npm install onnxruntime-web)",
        };
  return {
    runs: fails ? false : compared.outcome === "not run" ? null : compared.outcome === "passed",
    compared,
    sizes,
    findings,
    withoutWebGpu: kernels ? missingKernels(model, readKernels(kernels)) : null,
  };
}
