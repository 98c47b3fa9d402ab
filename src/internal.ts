export { brief, type SiteFigures, siteFigures } from "../passes/diff/site-figures.ts";
export { type Tied, tiedWeights } from "../passes/finetune/tied-weights.ts";
export { checkHead } from "../passes/head/new-head.ts";
export { tuningOf } from "../passes/head/tuning.ts";
export { checkMemory } from "../passes/laurelize/memory.ts";
export { OPTIONAL_KINDS } from "../passes/residuals/residual.ts";
export { copyNames, withoutDoubleDots } from "./graph/placing.ts";
export { pathOf } from "./graph/scopes.ts";
export { missingCopies, saveBytes, saveFiles, stageModel } from "./model.ts";
