export { fileSource, sha256, temporaryStart } from "#node";
export { bytes, counted, grouped, listed } from "../src/figures.ts";
export { openNpz } from "../src/formats/npz.ts";
export { typeOfInfo } from "../src/graph/graph.ts";
export { withoutDomain } from "../src/graph/operators.ts";
export { copyNames, withoutDoubleDots } from "../src/graph/placing.ts";
export { uniform } from "../src/graph/random.ts";
export { pathOf } from "../src/graph/scopes.ts";
export { trainingWarnings } from "../src/graph/training-mode.ts";
export { missingCopies, saveBytes, saveFiles, stageBytes, stageModel } from "../src/model.ts";
export { showShape } from "../src/onnx/dtypes.ts";
export { bytesSource, closing, contentOf } from "../src/onnx/source.ts";
export { runnable } from "../src/ort/loading.ts";
export { ranOutOfMemory, reason } from "../src/ort/messages.ts";
export { withSession } from "../src/ort/session.ts";
export { insertedWeights } from "./adapter/trainable.ts";
export { diffSummary } from "./diff/diff-text.ts";
export { brief, type SiteFigures, siteFigures } from "./diff/site-figures.ts";
export { readTensors, writeTensors } from "./finetune/tensor-bytes.ts";
export {
  type Merged,
  mergedWeights,
  type Tied,
  tiedWeights,
} from "./finetune/tied-weights.ts";
export { checkHead } from "./head/new-head.ts";
export { tuningOf } from "./head/tuning.ts";
export { ladderSummary } from "./ladder/draw-head.ts";
export { escapeText } from "./ladder/svg-text.ts";
export { addedWeights } from "./laurelize/laurel-json.ts";
export { checkMemory } from "./laurelize/memory.ts";
export { plan } from "./laurelize/plan.ts";
export { lossNames, type WrittenTerm, writtenTerm } from "./losses/written-terms.ts";
export { OPTIONAL_KINDS } from "./residuals/residual.ts";
