import { sha256 } from "#node";
import {
  checkGiven,
  checkModel,
  dataOptions,
  flag,
  type WithOrt,
  watching,
  withOrt,
} from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import type { Provenance } from "../../src/graph/patch.ts";
import { type DataOptions, placingOf } from "../../src/graph/placing.ts";
import { type Model, patched } from "../../src/model.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import type { Source } from "../../src/onnx/source.ts";
import { sampled } from "../../src/onnx/undo.ts";
import { type Declared, idleSentences } from "../../src/options.ts";
import { abortable, stepper, unlessAborted, type Watching } from "../../src/ort/abortable.ts";
import type { Ort } from "../../src/ort/session.ts";
import { VERSION } from "../../src/version.ts";
import { type ResidualOptions, type Residuals, searching } from "../residuals/find.ts";
import { reasons } from "../residuals/reasons.ts";
import { type Choice, chosen } from "./choose.ts";
import type { LoweredModel } from "./hidden-sums.ts";
import { choosing, inserting } from "./insert-options.ts";
import { manifestKey, manifests, sitesOf } from "./manifest.ts";
import { NoSiteError, RecognizedError } from "./no-site-error.ts";
import { type LaurelOptions, laurelOptionTypes, manifestOf, type Plan, plan } from "./plan.ts";
import { type FoundResiduals, searched } from "./search.ts";

/** Finds a model's residual connections and chooses some; does not change the model. */
export async function findResiduals(
  model: Model,
  options: WithOrt & Watching & ResidualOptions & Pick<Choice, keyof typeof choosing>,
): Promise<FoundResiduals> {
  checkModel("findResiduals", model);
  checkGiven("findResiduals", options, { ...withOrt, ...watching, ...searching, ...choosing });
  const { include, exclude, stream, every, last, signal, onProgress, ...finding } = options;
  const step = stepper({ signal, onProgress });
  step(0, "finding the residual connections");
  const ort = abortable(finding.ort, signal);
  const choice = { include, exclude, stream, every, last };
  const narrowed = Object.values(choice).some((each) => each !== undefined);
  const earlier = sitesOf(manifests(model.metadata));
  const all = searched(model, { earlier, ...finding, ort }, (sites) => sites);
  const { found } = await unlessAborted(signal, all);
  step(1, "done");
  return narrowed ? { ...found, chosen: chosen(found.sites, choice) } : found;
}

/** A laurelized model, not yet proved or saved. */
export interface Laurelized {
  readonly original: Model;
  /** The original after the search, and what was lowered in it. */
  readonly lowered: LoweredModel;
  readonly model: Model;
  readonly plan: Plan;
  /** Every residual connection found, chosen or not. */
  readonly found: FoundResiduals;
  readonly warnings: readonly string[];
}

/** Whether the model was laurelized before, according to its metadata. */
export function isLaurelized(model: Model): boolean {
  checkModel("isLaurelized", model);
  return manifests(model.metadata).length > 0;
}

/** How a result is written, and whether the model may be laurelized already. */
export interface ResultOptions extends DataOptions {
  /** Refer to old weights in the original's file; the result must be saved next to it. */
  readonly linkWeights?: boolean | undefined;
  /**
   * Record the original's SHA-256, so that `strip` can check its result. True by default; with
   * linked weights, the default is the SHA-256 of a sample.
   */
  readonly hash?: boolean | undefined;
}

const resultOptions: Declared<ResultOptions> = { ...dataOptions, linkWeights: flag, hash: flag };

const laurelizing = {
  ...{ ...withOrt, ...watching, ...searching },
  ...{ ...laurelOptionTypes, ...resultOptions },
};

/**
 * Replaces `y = f(x) + x` by LAuReL at every residual connection, or at those that `include` and
 * `exclude` leave. The result computes exactly the same as the model. Throws an InputError if the
 * model is laurelized already, an option is invalid, or no site is left.
 */
export async function laurelize(
  model: Model,
  options: WithOrt & Watching & ResidualOptions & LaurelOptions & ResultOptions,
): Promise<Laurelized> {
  checkModel("laurelize", model);
  checkGiven("laurelize", options, laurelizing);
  const { ort: given, signal, onProgress, featureAxis, also, ...others } = options;
  const { externalData, linkWeights = false, copyData, hash, again = false, ...wanted } = others;
  if (linkWeights && copyData)
    throw new InputError(
      "linkWeights leaves the old weights where they are, but copyData copies them; give only one of them.",
    );
  const step = stepper({ signal, onProgress });
  const earlier = manifests(model.metadata);
  const finding = { earlier: sitesOf(earlier), featureAxis, also };
  checkUntouched(model.file, earlier.length > 0 && !again);
  step(0, "finding the residual connections");
  const chosenOnes = chosenSites(model, abortable(given, signal), finding, { ...wanted, again });
  const { lowered, sites, found } = await unlessAborted(signal, chosenOnes);
  if (lowered.undos.length > 0 && linkWeights) throw movedWeights(model, lowered);
  step(0.7, "inserting LAuReL");
  const { graph } = lowered.model;
  const planned = plan(graph, sites, wanted);
  const key = manifestKey(earlier.length);
  const record = recordOf(key, { source: model.source, lowered, planned, finding, hash });
  const placing = placingOf(model.dataFiles, { externalData, copyData });
  const result = await patched(graph, planned.patch, record, { ...placing, link: linkWeights });
  step(1, "done");
  const idle = idleSentences({ ...wanted }, inserting);
  const warnings = [...found.warnings, ...blocking(found), ...idle, ...planned.warnings];
  return { original: model, lowered, model: result, plan: planned, found, warnings };
}

/** Throws an InputError if LAuReL cannot be inserted into a model, or not once more. */
function checkUntouched({ source, opset }: ModelFile, isRepeated: boolean): void {
  if (isRepeated)
    throw new InputError(
      `${source.name} is already laurelized; set the option again (--again) to insert more.`,
    );
  if (opset < 7)
    throw new InputError(
      `${source.name} uses opset ${opset}, but onnxruntime runs opset 7 and newer; convert it with onnx.version_converter first.`,
    );
}

const movedWeights = (model: Model, { calls }: LoweredModel) =>
  new InputError(
    `${model.file.source.name} has ${calls.length > 0 ? "functions" : "fused nodes"} with residual connections that must be lowered first, which moves the weights that --link-weights would refer to; leave it out.`,
  );

/** Returns the chosen sites, in a model in which only what they need is lowered. */
async function chosenSites(model: Model, ort: Ort, finding: ResidualOptions, choice: Choice) {
  const { name } = model.file.source;
  const all = await searched(model, { ort, ...finding }, (sites) => chosen(sites, choice));
  const { recognized } = all.found;
  if (recognized > 0 && !choice.again) throw new RecognizedError(name, recognized);
  if (all.sites.length === 0) throw new NoSiteError(all.found, name);
  return all;
}

interface Recording {
  readonly source: Source;
  readonly lowered: LoweredModel;
  readonly planned: Plan;
  readonly finding: ResidualOptions;
  readonly hash: boolean | undefined;
}

/** Returns the metadata of the result, computed when the steps that undo the patch are known. */
function recordOf(
  key: string,
  { source, lowered, planned, finding: { featureAxis, also }, hash }: Recording,
): Provenance {
  const stated = featureAxis !== undefined || also?.length;
  return async (undo) => {
    const linked = undo.beside !== undefined;
    const facts = {
      version: VERSION,
      ...(stated ? { finding: { featureAxis, also } } : {}),
      sha256: (hash ?? !linked) ? await sha256(source) : null,
      ...(linked ? { sample: await sha256(sampled(source, undo)) } : {}),
      undo,
      ...(lowered.undos.length > 0 ? { opening: lowered.undos } : {}),
    };
    return { key, value: JSON.stringify(manifestOf(planned, facts)) };
  };
}

function blocking({ rejected }: Residuals): string[] {
  const { length } = rejected.filter(({ code }) => code === "blocked");
  return length === 0
    ? []
    : [
        `${length} ${length === 1 ? "sum" : "sums"} left unchanged: each ${reasons.blocked().text}.`,
      ];
}
