import type { Proof, ProofOptions } from "../passes/proof/checks.ts";
import { prove } from "../passes/proof/proof.ts";
import { proveSites } from "../passes/proof/prove-sites.ts";
import { checkGiven, checkLaurelized, checkModel } from "./arguments.ts";
import type { Laurelized, WithOrt } from "./laurelize.ts";
import { checkMemory } from "./memory.ts";
import { freeMemory, type Model, typesOf } from "./model.ts";
import type { Opened } from "./opened.ts";
import { type CompareOptions, type Comparison, compareGraphs } from "./runtime/compare-models.ts";
import { feedsOfNpz, feedsOfTestData } from "./runtime/feeds.ts";
import { type Judged, judgedOf } from "./runtime/judged.ts";
import { runnable } from "./runtime/runnable.ts";
import type { Ort, Tensors } from "./runtime/session.ts";

/**
 * Proves a laurelized model in onnxruntime, in full or at its sites only (`extent`). `written` is
 * the path of a file that holds it already; without it its bytes are loaded. Throws an InputError
 * where a proof in full would not fit into memory.
 */
export async function verify(
  laurelized: Laurelized,
  options: WithOrt & ProofOptions & { readonly written?: string | undefined },
): Promise<Proof> {
  checkLaurelized("verify", laurelized);
  checkGiven("verify", options);
  const { original, opened, model, plan: planned } = laurelized;
  const { graph } = opened.model;
  const { types } = await typesOf(opened.model, options.ort);
  if (options.extent === "sites")
    return proveSites(options.ort, { graph, types }, model.graph, planned, options);
  checkMemory(model);
  const judged = judgedOf(graph, types);
  const file = judged.provable(model.file);
  const written = file === model.file ? options.written : undefined;
  const result = {
    graph: model.graph,
    runnable: { ...runnable(file, written), title: "the result" },
  };
  const closed =
    opened.undos.length > 0 ? await closedOf(original, opened, judged, options.ort) : null;
  return prove(options.ort, { graph, types, closed, judged }, result, planned, options);
}

async function closedOf(
  original: Model,
  { calls, nodes, composed }: Opened,
  { provable }: Judged,
  ort: Ort,
) {
  const { types } = await typesOf(composed, ort);
  return {
    model: runnable(provable(original.file)),
    calls,
    nodes,
    composed: { graph: composed.graph, types },
  };
}

/**
 * Compares any two models: what of the first the second has changed or lost, whether both compute
 * the same, and where not, the first value that differs.
 */
export async function compareModels(
  a: Model,
  b: Model,
  given: WithOrt & CompareOptions,
): Promise<Comparison> {
  checkModel("compareModels", a, "first model");
  checkModel("compareModels", b, "second model");
  checkGiven("compareModels", given);
  const { ort, ...options } = given;
  const { types } = await typesOf(a, ort);
  return compareGraphs(ort, { graph: a.graph, types }, b.graph, options);
}

/** Inputs of a proof from an .npz: one array for each input of the model, by name. */
export async function inputsFromNpz(
  model: Model,
  npz: Uint8Array,
  options: WithOrt,
): Promise<Tensors> {
  checkModel("inputsFromNpz", model);
  checkGiven("inputsFromNpz", options);
  const { ort } = options;
  const { types } = await typesOf(model, ort);
  return feedsOfNpz(ort, { graph: model.graph, types }, npz, freeMemory());
}

/** Inputs of a proof from the files of an ONNX test_data_set folder: input_0.pb, input_1.pb, … */
export async function inputsFromTestData(
  model: Model,
  files: ReadonlyMap<string, Uint8Array>,
  options: WithOrt,
): Promise<Tensors> {
  checkModel("inputsFromTestData", model);
  checkGiven("inputsFromTestData", options);
  const { ort } = options;
  return feedsOfTestData(ort, model.graph, (await typesOf(model, ort)).types, files);
}

export type { Augmented } from "../passes/augment.ts";
export type { Choice } from "../passes/choose.ts";
export type { LaurelOptions, Plan } from "../passes/laurelize.ts";
export { losses } from "../passes/losses/index.ts";
export type { LossName } from "../passes/losses/loss.ts";
export type { Laurelization } from "../passes/manifest.ts";
export { optimizers } from "../passes/optimizers/index.ts";
export type { OptimizerName } from "../passes/optimizers/optimizer.ts";
export type { Check, Proof, ProofOptions } from "../passes/proof/checks.ts";
export type { SiteReport } from "../passes/proof/site-check.ts";
export type { ResidualOptions, Residuals } from "../passes/residuals/index.ts";
export type { FeatureAxis } from "../passes/residuals/named-axes.ts";
export {
  type Kind,
  OPTIONAL_KINDS,
  type OptionalKind,
  type Rejection,
  type Site,
} from "../passes/residuals/residual.ts";
export { defaults, type VariantName, variantNames } from "../passes/variants/index.ts";
export type { VariantOptions } from "../passes/variants/variant.ts";
export { copyNames, withoutDoubleDots } from "./graph/placing.ts";
export { pathOf } from "./graph/scopes.ts";
export type { DenseTensor } from "./graph/tensor.ts";
export {
  type FoundResiduals,
  findResiduals,
  isLaurelized,
  type Laurelized,
  laurelize,
  type ResultOptions,
  type WithOrt,
} from "./laurelize.ts";
export { checkMemory, type ProofMemory, proofMemory } from "./memory.ts";
export {
  type Model,
  missingCopies,
  type OpenOptions,
  openModel,
  saveBytes,
  saveModel,
  stageModel,
} from "./model.ts";
export { NoSiteError } from "./no-site-error.ts";
export { InputError } from "./onnx/source.ts";
export { RecognizedError } from "./recognized-error.ts";
export {
  type BatchOptions,
  batches,
  checkBatchSize,
  checkLabels,
  checkOneHot,
  checkShares,
} from "./runtime/batches.ts";
export type { Difference } from "./runtime/compare.ts";
export type { Verdict } from "./runtime/compare-models.ts";
export type { Column, Dataset, Expected } from "./runtime/dataset.ts";
export type { Finding } from "./runtime/finding.ts";
export type { FirstDifference, NodeReport } from "./runtime/first-difference.ts";
export type { NotRun, Outcome } from "./runtime/outcome.ts";
export type { FunctionReport, OutputReport } from "./runtime/same-function.ts";
export type { Ort, Runnable, Tensors } from "./runtime/session.ts";
export { knowsTrained, type Stripped, strip } from "./strip.ts";
export {
  type Adapter,
  adapterBytes,
  adapterFeeds,
  extractAdapter,
  openAdapter,
  saveAdapter,
} from "./training/adapter.ts";
export { type ApplyOptions, applyAdapter } from "./training/apply-adapter.ts";
export { type DataFrom, dataFiles, openDataset, type Target } from "./training/datasets.ts";
export { DivergedError } from "./training/diverged.ts";
export { type Evaluation, together } from "./training/evaluation.ts";
export { Finetuning, finetune } from "./training/finetune.ts";
export type { FinetuneOptions, LossPlan, Step } from "./training/finetune-options.ts";
export { type Differentiated, differentiate, type GradientOptions } from "./training/gradients.ts";
export { type StepGraph, type StepOptions, stepGraph } from "./training/step-graph.ts";
export { type Tied, tiedWeights } from "./training/tied-weights.ts";
export { trainableWeights } from "./training/trainable.ts";
export { resumeTraining, stateBytes, type TrainingState } from "./training/training-state.ts";
export { tunedModel } from "./training/tuned-model.ts";
export { weightOf, weightsAsInputs, withWeights } from "./training/weights.ts";
export { VERSION } from "./version.ts";
export type { CompareOptions, Comparison };
