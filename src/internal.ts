export { fileSource, sha256, temporaryStart } from "#node";
export { insertedWeights } from "../passes/adapter/trainable.ts";
export { diffSummary } from "../passes/diff/diff-text.ts";
export { brief, type SiteFigures, siteFigures } from "../passes/diff/site-figures.ts";
export { readTensors, writeTensors } from "../passes/finetune/tensor-bytes.ts";
export {
  type Merged,
  mergedWeights,
  type Tied,
  tiedWeights,
} from "../passes/finetune/tied-weights.ts";
export { checkHead } from "../passes/head/new-head.ts";
export { tuningOf } from "../passes/head/tuning.ts";
export { ladderSummary } from "../passes/ladder/draw-head.ts";
export { escapeText } from "../passes/ladder/svg-text.ts";
export { addedWeights } from "../passes/laurelize/laurel-json.ts";
export { checkMemory } from "../passes/laurelize/memory.ts";
export { plan } from "../passes/laurelize/plan.ts";
export { lossNames, type WrittenTerm, writtenTerm } from "../passes/losses/written-terms.ts";
export { OPTIONAL_KINDS } from "../passes/residuals/residual.ts";
export { bytes, counted, grouped } from "./figures.ts";
export { openNpz } from "./formats/npz.ts";
export { typeOfInfo } from "./graph/graph.ts";
export { copyNames, withoutDoubleDots } from "./graph/placing.ts";
export { uniform } from "./graph/random.ts";
export { pathOf } from "./graph/scopes.ts";
export { trainingWarnings } from "./graph/training-mode.ts";
export { listed } from "./listed.ts";
export { missingCopies, saveBytes, saveFiles, stageBytes, stageModel } from "./model.ts";
export { showShape } from "./onnx/dtypes.ts";
export { bytesSource, closing, contentOf } from "./onnx/source.ts";
export { runnable } from "./ort/loading.ts";
export { withSession } from "./ort/session.ts";
