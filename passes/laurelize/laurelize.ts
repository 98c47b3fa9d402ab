import { sha256 } from "#node";
import {
  checkGiven,
  checkModel,
  flag,
  orNull,
  text,
  type WithOrt,
  withOrt,
} from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { applyPatch } from "../../src/graph/patch.ts";
import { copyNames } from "../../src/graph/placing.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { sampled } from "../../src/onnx/undo.ts";
import type { Declared } from "../../src/options.ts";
import { idleSentences } from "../../src/options.ts";
import { checkLoadable } from "../../src/ort/loadable.ts";
import { VERSION } from "../../src/version.ts";
import type { ResidualOptions, Residuals } from "../residuals/find.ts";
import { searching } from "../residuals/find.ts";
import { whyNot } from "../residuals/reasons.ts";
import { type Choice, chosen } from "./choose.ts";
import { choosing, inserting } from "./insert-options.ts";
import { type Manifest, manifestKey, manifests } from "./manifest.ts";
import { fitsIntoMemory } from "./memory.ts";
import { NoSiteError } from "./no-site-error.ts";
import { type LaurelOptions, laurelOptions, manifestOf, type Plan, plan } from "./plan.ts";
import { RecognizedError } from "./recognized-error.ts";
import { type FoundResiduals, type Opened, type Searched, searched, withOnly } from "./search.ts";

/** Finds a model's residual connections, and chooses some; the model is not changed. */
export async function findResiduals(
  model: Model,
  options: WithOrt & ResidualOptions & Pick<Choice, keyof typeof choosing>,
): Promise<FoundResiduals> {
  checkModel("findResiduals", model);
  checkGiven("findResiduals", options, { ...withOrt, ...searching, ...choosing });
  const { include, exclude, stream, every, last, ...finding } = options;
  const { found, warnings } = await search(model, finding);
  const choice = { include, exclude, stream, every, last };
  const narrowed = Object.values(choice).some((each) => each !== undefined);
  return { ...found, chosen: narrowed ? chosen(found.sites, choice) : found.sites, warnings };
}

/** As `searched`. Throws an InputError if `featureAxis` has no effect, or onnxruntime cannot load the model. */
async function search(
  model: Model,
  { ort, ...options }: WithOrt & ResidualOptions,
): Promise<Searched> {
  const all = await searched(model, ort, findingOf(model, options));
  if (all.warnings.length > 0 && fitsIntoMemory(model)) await checkLoadable(ort, model.file);
  const [unused] = all.found.unused;
  if (unused) throw new InputError(`${model.file.source.name}: ${unused}`);
  return all;
}

const findingOf = (model: Model, options: ResidualOptions): ResidualOptions => ({
  earlier: manifests(model.metadata).flatMap((manifest) => manifest?.sites ?? []),
  ...options,
});

/** A laurelized model, not yet proved or saved. */
export interface Laurelized {
  readonly original: Model;
  /** The original as it was searched, and what had to be opened in it. */
  readonly opened: Opened;
  readonly model: Model;
  readonly plan: Plan;
  /** Every residual connection found, taken or not. */
  readonly found: FoundResiduals;
  readonly warnings: readonly string[];
}

/** Whether this tool has been at the model before: its metadata says so. */
export const isLaurelized = (model: Model) => manifests(model.metadata).length > 0;

/** How a result is written, and whether it may be one of a model that is laurelized already. */
export interface ResultOptions {
  /** A file name: the larger new weights go into that file, beside the model. */
  readonly externalData?: string | null | undefined;
  /**
   * Old weights are not copied: the result refers to them in the original's file, beside which it
   * must be saved.
   */
  readonly linkWeights?: boolean | undefined;
  /** The model's data files are copied when the result is saved, under names that begin so. */
  readonly copyData?: string | null | undefined;
  /**
   * Record the original's SHA-256, with which `strip` checks what it gives back; true, but with
   * linked weights, of which a sample is taken otherwise.
   */
  readonly hash?: boolean | undefined;
}

const resultOptions: Declared<ResultOptions> = {
  externalData: orNull(text),
  linkWeights: flag,
  copyData: orNull(text),
  hash: flag,
};

/**
 * Replaces `y = f(x) + x` by LAuReL at every residual connection, or at those that `include` and
 * `exclude` leave. The result computes exactly what the model did. Throws an InputError where
 * the model is laurelized already, an option is not to be had, or no site is left.
 */
export async function laurelize(
  model: Model,
  options: WithOrt & ResidualOptions & LaurelOptions & ResultOptions,
): Promise<Laurelized> {
  checkModel("laurelize", model);
  checkGiven("laurelize", options, {
    ...withOrt,
    ...searching,
    ...laurelOptions,
    ...resultOptions,
  });
  const {
    ort,
    featureAxis,
    also,
    externalData = null,
    linkWeights = false,
    copyData,
    hash,
    again = false,
    ...wanted
  } = options;
  const before = manifests(model.metadata).length;
  if (before > 0 && !again)
    throw new InputError(
      `${model.file.source.name} is already laurelized; there is nothing to do, unless again is set.`,
    );
  const opset = model.file.opsets.get("") ?? 7;
  if (opset < 7)
    throw new InputError(
      `${model.file.source.name} uses opset ${opset}, and onnxruntime runs 7 and newer; convert it with onnx.version_converter first.`,
    );
  const all = await search(model, { ort, featureAxis, also });
  const { recognized } = all.found;
  if (recognized > 0 && before === 0 && !again)
    throw new RecognizedError(model.file.source.name, recognized);
  const taken = chosen(all.found.sites, { ...wanted, again });
  const found = { ...all.found, chosen: taken, warnings: all.warnings };
  if (taken.length === 0) throw new NoSiteError(found, model.file.source.name);
  const needed = all.opened.nodes.filter((node) => taken.some(({ within }) => within === node));
  const fewer = needed.length < all.opened.nodes.length;
  const { opened, found: at } = fewer
    ? await withOnly(all, needed, ort, findingOf(model, { featureAxis, also }))
    : all;
  if (opened.undos.length > 0 && linkWeights)
    throw new InputError(
      `${model.file.source.name} has ${opened.calls.length > 0 ? "functions" : "fused nodes"} that hold residual connections and have to be opened first, which moves the weights that --link-weights would refer to; leave it out.`,
    );
  const { graph } = opened.model;
  const sites = taken.map(({ name }) => name);
  const planned = plan(graph, at.sites, { ...wanted, ...ANY, sites, again: true });
  const provenance = async (undo: Manifest["undo"]) => {
    const { source } = model;
    const linked = undo.beside !== undefined;
    const digest = (hash ?? !linked) ? await sha256(source) : null;
    const sample = linked ? { sample: await sha256(sampled(source, undo)) } : {};
    const said = featureAxis !== undefined || also?.length;
    const finding = said ? { finding: { featureAxis, also } } : {};
    const opening = opened.undos.length > 0 ? { opening: opened.undos } : {};
    const facts = { version: VERSION, ...finding, sha256: digest, ...sample, undo, ...opening };
    const manifest = manifestOf(planned, facts);
    return { key: manifestKey(before), value: JSON.stringify(manifest) };
  };
  const { source, folder } = await applyPatch(graph, planned.patch, provenance, {
    newData: externalData,
    link: linkWeights,
    copies: copyData ? copyNames(model.dataFiles, copyData) : undefined,
  });
  return {
    original: model,
    opened,
    model: modelOf(source, folder),
    plan: planned,
    found,
    warnings: [
      ...found.warnings,
      ...blocking(found),
      ...idleSentences({ ...wanted }, inserting),
      ...planned.warnings,
    ],
  };
}

/** Narrows nothing. */
const ANY: Choice = {
  include: undefined,
  exclude: undefined,
  stream: undefined,
  every: undefined,
  last: undefined,
};

function blocking({ rejected }: Residuals): string[] {
  const { length } = rejected.filter(({ reason }) => reason === whyNot.blocked());
  return length === 0
    ? []
    : [`${length} ${length === 1 ? "sum" : "sums"} left alone: each ${whyNot.blocked()}.`];
}
