export {
  type Adapter,
  type AdapterFormat,
  adapterBytes,
  adapterFeeds,
  extractAdapter,
  openAdapter,
  saveAdapter,
} from "../passes/adapter/adapter.ts";
export { type ApplyOptions, applyAdapter } from "../passes/adapter/apply-adapter.ts";
export {
  type AverageOptions,
  averageAdapters,
  averageWeights,
  combineAdapters,
} from "../passes/adapter/combine.ts";
export { type PeftConfig, peftConfig } from "../passes/adapter/peft.ts";
export { type TorchTensor, torchBytes, torchTensors } from "../passes/adapter/torch.ts";
export { trainableWeights } from "../passes/adapter/trainable.ts";
export {
  weightOf,
  weightsAsInputs,
  weightsAsOptionalInputs,
  withWeights,
} from "../passes/adapter/weights.ts";
export { checkForWeb, type WebCheck, type WebCheckOptions } from "../passes/check/check-web.ts";
export type { TargetFinding } from "../passes/check/finding.ts";
export { loadError, type ModelNeeds, modelNeeds } from "../passes/check/needs.ts";
export { splitModel } from "../passes/check/split.ts";
export type { MissingKernel } from "../passes/check/web-kernels.ts";
export type { WebSizes } from "../passes/check/web-sizes.ts";
export { type DiffOptions, diff, type ModelDiff, type WeightChange } from "../passes/diff/diff.ts";
export { diffPage } from "../passes/diff/diff-page.ts";
export { drawDiff } from "../passes/diff/draw-diff.ts";
export type { ModelPort, ModelSummary, OperatorCount } from "../passes/diff/model-summary.ts";
export type {
  DrawnEdge,
  DrawnNode,
  DrawnWeight,
  Mark,
  Neighborhood,
} from "../passes/diff/neighborhood.ts";
export { type NodeData, type NodeResult, nodeData } from "../passes/diff/node-data.ts";
export type { NodeDiff, RegionDiff } from "../passes/diff/region-diffs.ts";
export type { ExportStepOptions } from "../passes/distributed/export-options.ts";
export { type ExportedStep, exportStep } from "../passes/distributed/export-step.ts";
export type { StepManifest } from "../passes/distributed/manifest.ts";
export {
  type OpenedStep,
  type OpenStepOptions,
  openStep,
} from "../passes/distributed/open-step.ts";
export type { StepMemory } from "../passes/distributed/step-memory.ts";
export type { FitData } from "../passes/finetune/batch-source.ts";
export { type BatchOptions, batches } from "../passes/finetune/batches.ts";
export { type Checkpoint, checkpointBytes, loadCheckpoint } from "../passes/finetune/checkpoint.ts";
export type { Dataset } from "../passes/finetune/data-set.ts";
export type { Column } from "../passes/finetune/data-set-rows.ts";
export { type DatasetOptions, openDataset, type Target } from "../passes/finetune/data-sets.ts";
export { DivergedError } from "../passes/finetune/diverged.ts";
export type { Evaluation } from "../passes/finetune/evaluation.ts";
export type { Expected } from "../passes/finetune/expected.ts";
export type {
  FinetuneOptions,
  LossPlan,
  Step,
  TermPlan,
} from "../passes/finetune/finetune-options.ts";
export { type FitResult, fit } from "../passes/finetune/fit.ts";
export type { FitOptions, FitStart } from "../passes/finetune/fit-options.ts";
export type { Best, Epoch, EpochStep, History, Stopped } from "../passes/finetune/history.ts";
export type { DataFrom } from "../passes/finetune/open-files.ts";
export type { Settings } from "../passes/finetune/settings.ts";
export { type StepGraph, stepGraph } from "../passes/finetune/step-graph.ts";
export type { StepOptions, StepTerm } from "../passes/finetune/step-options.ts";
export type { LossTerm } from "../passes/finetune/terms.ts";

export { type Batches, finetune, Trainer } from "../passes/finetune/trainer.ts";
export { type TrainingJson, trainingJson } from "../passes/finetune/training-json.ts";
export { tunedModel } from "../passes/finetune/tuned-model.ts";
export type { FoldExtent } from "../passes/fold/absorb.ts";
export { type FoldedModel, type FoldOptions, fold } from "../passes/fold/fold.ts";
export type { MapCost } from "../passes/fold/multiply-adds.ts";
export {
  type DoubleReport,
  type FoldProof,
  foldProved,
  proveFold,
} from "../passes/fold/prove-fold.ts";
export type { FoldCode, Why } from "../passes/fold/reasons.ts";
export type { FoldedSite } from "../passes/fold/report.ts";
export {
  type Differentiated,
  differentiate,
  type GradientOptions,
} from "../passes/gradient/gradients.ts";
export { NoGradientError, type OperatorWithoutRule } from "../passes/gradient/no-gradient-error.ts";
export { operatorsWithGradient } from "../passes/gradient/operators-with-gradient.ts";
export type { GradientNode, GradientRule, GradientRules } from "../passes/gradient/rule.ts";
export { type HeadOptions, newHead } from "../passes/head/new-head.ts";
export type { HeadRecord, TuningRecord } from "../passes/head/tuning.ts";
export { measureNorms, type NormsOfSite } from "../passes/ladder/activations.ts";
export type { BranchOperator } from "../passes/ladder/branch-nodes.ts";
export { drawLadder } from "../passes/ladder/draw-ladder.ts";
export {
  type Ladder,
  type LadderRejection,
  type LadderSite,
  ladderOf,
} from "../passes/ladder/ladder.ts";
export type {
  EffectiveFactor,
  LagWeights,
  LaurelWeights,
} from "../passes/ladder/laurel-weights.ts";
export type { DrawingOptions } from "../passes/ladder/svg-document.ts";
export type { Choice } from "../passes/laurelize/choose.ts";
export type { InsertedSite } from "../passes/laurelize/insert.ts";
export { type AddedWeights, type LaurelJson, laurelJson } from "../passes/laurelize/laurel-json.ts";
export {
  findResiduals,
  isLaurelized,
  type Laurelized,
  laurelize,
  type ResultOptions,
} from "../passes/laurelize/laurelize.ts";
export type { Laurelization } from "../passes/laurelize/manifest.ts";
export { type ProofMemory, proofMemory } from "../passes/laurelize/memory.ts";
export { NoSiteError, RecognizedError } from "../passes/laurelize/no-site-error.ts";
export type { LaurelOptions, Plan } from "../passes/laurelize/plan.ts";
export type { FoundResiduals } from "../passes/laurelize/search.ts";
export { type Stripped, strip } from "../passes/laurelize/strip.ts";
export { type LossGiven, type LossName, type LossOptions, losses } from "../passes/losses/index.ts";
export { metrics } from "../passes/metrics/index.ts";
export type { Metric, MetricKind } from "../passes/metrics/metric.ts";
export {
  type OptimizerName,
  type OptimizerOptions,
  optimizers,
} from "../passes/optimizers/index.ts";
export type { Check, Proof, ProofOptions } from "../passes/proof/checks.ts";
export { compare } from "../passes/proof/compare.ts";
export { inputsFromNpz, inputsFromTestData } from "../passes/proof/inputs.ts";
export { prove } from "../passes/proof/prove.ts";
export type { SiteReport } from "../passes/proof/site-check.ts";
export type { ResidualOptions, Residuals } from "../passes/residuals/find.ts";
export {
  type RejectionJson,
  rejectionJson,
  type SiteJson,
  siteJson,
} from "../passes/residuals/json.ts";
export type { FeatureAxis } from "../passes/residuals/named-axes.ts";
export type { ReasonCode } from "../passes/residuals/reasons.ts";
export type { Feature, Kind, OptionalKind, Rejection, Site } from "../passes/residuals/residual.ts";
export type { ScheduleOptions } from "../passes/schedules/schedule.ts";
export {
  defaults,
  type VariantName,
  type VariantOptions,
  variantNames,
} from "../passes/variants/index.ts";
export type { WithOrt } from "./arguments.ts";
export type { CompareOptions, Comparison, Verdict } from "./compare/compare-models.ts";
export type { Difference } from "./compare/difference.ts";
export type { Finding } from "./compare/finding.ts";
export type { FirstDifference, NodeReport } from "./compare/first-difference.ts";
export type { NotRun, Outcome } from "./compare/outcome.ts";
export type { FunctionReport, OutputReport } from "./compare/outputs.ts";
export { type ErrorCode, InputError } from "./errors.ts";

export { type Model, type OpenOptions, openModel, saveModel } from "./model.ts";
export type { DenseTensor } from "./onnx/new-node.ts";
export type { Watching } from "./ort/abortable.ts";
export type { Ort, Runnable, Tensors } from "./ort/session.ts";
export type { RunOptions } from "./samples/samples.ts";
export { VERSION } from "./version.ts";
