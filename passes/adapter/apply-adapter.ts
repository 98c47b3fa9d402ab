import { sha256 } from "#node";
import { checkGiven, checkModel, dataOptions, type WithOrt, withOrt } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { type DataOptions, placingOf } from "../../src/graph/placing.ts";
import type { Model } from "../../src/model.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import { type Declared, type Given, pickOptions } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import { newHead } from "../head/new-head.ts";
import { type TuningRecord, tuningOf, withTuning } from "../head/tuning.ts";
import { laurelize } from "../laurelize/laurelize.ts";
import { laurelizations } from "../laurelize/manifest.ts";
import { NoSiteError } from "../laurelize/no-site-error.ts";
import { type VariantName, variantOptions } from "../variants/index.ts";
import { type Adapter, checkAdapter, tensorMisfit } from "./adapter.ts";
import { putting } from "./adapter-options.ts";
import { difference } from "./same-laurelization.ts";
import { laurelizationsOf } from "./trainable.ts";
import { notedAsTrained } from "./trained.ts";
import { weightsAsInputs, weightsAsOptionalInputs, withWeights } from "./weights.ts";

/** Options for applying an adapter. */
export interface ApplyOptions extends WithOrt, DataOptions, Given<ValuesOf<typeof putting>> {}

const applyOptions: Declared<ApplyOptions> = { ...withOrt, ...dataOptions, ...putting };

/**
 * Applies an adapter to its model. Of the laurelized one, only the weights' bytes change. The plain
 * original, identified by its SHA-256, is laurelized first. Throws an InputError for any other
 * model.
 */
export async function applyAdapter(
  model: Model,
  adapter: Adapter,
  options: ApplyOptions,
): Promise<Model> {
  checkModel("applyAdapter", model);
  checkGiven("applyAdapter", options, applyOptions);
  checkAdapter("applyAdapter", adapter);
  const { ort, weights = putting.weights.default, externalData } = options;
  const laurel = await madeLike(model, adapter, { ort, externalData });
  const misfit = tensorMisfit(laurel, adapter);
  if (misfit) throw new InputError(`${misfit}; give the model that the adapter was made from.`);
  const tuned = withWeights(
    laurel,
    new Map(adapter.tensors.map(({ name, data }) => [name, data])),
    placingOf(model.dataFiles, options),
  );
  if (weights === "inside") return tuned;
  const names = adapter.tensors.map(({ name }) => name);
  return weights === "as-inputs"
    ? weightsAsInputs(tuned, names)
    : notedAsTrained(weightsAsOptionalInputs(tuned, names), names, true);
}

/** The model as the adapter's was: laurelized, with its new last layer, or as it is. */
async function madeLike(model: Model, adapter: Adapter, options: ApplyOptions): Promise<Model> {
  const { tuning, laurelizations: wanted } = adapter;
  if (tuning && wanted.length === 0) return tunedLike(model, adapter, tuning, options.ort);
  const first = await withHeadOf(model, tuning, options.ort);
  if (laurelizations(first.metadata).length > 0) {
    checkSame(first, adapter);
    return first;
  }
  const headAfter = await laurelizedLike(first, adapter, options);
  return withHeadOf(headAfter, tuning, options.ort);
}

/** An adapter of onnxruntime's format does not say what it is for: its tensors alone are compared. */
function checkSame(model: Model, { name, laurelizations: wanted }: Adapter): void {
  const { name: file } = model.source;
  const inserted = laurelizationsOf(model);
  if (wanted.length === 0) return;
  if (inserted.length !== wanted.length)
    throw new InputError(
      `${file} was laurelized ${times(inserted.length)}, but the model of ${name} ${times(wanted.length)}; give that model.`,
    );
  for (const [n, one] of inserted.entries()) {
    const misfit = difference(one, wanted[n], n === 0);
    if (misfit) throw new InputError(`${name} is not for ${file}, which ${misfit}.`);
  }
}

const times = (count: number) => (count === 1 ? "once" : `${count} times`);

async function laurelizedLike(
  original: Model,
  { name, laurelizations: wanted }: Adapter,
  { ort, externalData }: ApplyOptions,
): Promise<Model> {
  const { name: file } = original.source;
  if (wanted.length === 0)
    throw new InputError(
      `${name}, in onnxruntime's format, does not say how ${file} was laurelized; give the laurelized model, or the adapter as .safetensors.`,
    );
  const [{ sha256: digest }] = wanted;
  if (digest === null)
    throw new InputError(
      `${name} does not record its original's SHA-256 (--no-hash); give the laurelized model instead of ${file}.`,
    );
  if ((await sha256(original.source)) !== digest)
    throw new InputError(
      `${file} is not the original of ${name}, because its SHA-256 differs; give the model that the adapter was made from, plain or laurelized.`,
    );
  let model = original;
  for (const one of wanted) {
    const { variant, options, sites, finding } = one;
    try {
      const result = await laurelize(model, {
        // A file may name options that no variant declares.
        ...pickOptions(options, variantOptions),
        featureAxis: finding?.featureAxis,
        also: finding?.also,
        ort,
        variant: variant as VariantName,
        externalData: wanted.length === 1 ? externalData : null,
        sites: sites.map((site) => site.name),
        again: true,
      });
      model = result.model;
    } catch (error) {
      if (error instanceof NoSiteError) throw otherwise(name, file, one.version);
      throw error;
    }
    if (difference(laurelizationsOf(model).at(-1)!, one, false))
      throw otherwise(name, file, one.version);
  }
  return model;
}

const otherwise = (adapter: string, file: string, version: string) =>
  new InputError(
    `this version laurelizes ${file} differently from ${version}, which made ${adapter}; give the laurelized model instead.`,
  );

/** The model with an adapter's new last layer, if it is the model which that was made in. */
async function withHeadOf(
  model: Model,
  tuning: TuningRecord | null | undefined,
  ort: Ort,
): Promise<Model> {
  if (!tuning?.head || (await sha256(model.source)) !== tuning.sha256) return model;
  const { layer, classes, seed } = tuning.head;
  return newHead(model, { ort, layer, classes, seed });
}

/** A plain model, tuned or not, for an adapter without LAuReL. Throws an InputError for others. */
async function tunedLike(
  model: Model,
  { name }: Adapter,
  tuning: TuningRecord,
  ort: Ort,
): Promise<Model> {
  const { name: file } = model.source;
  if (laurelizations(model.metadata).length > 0)
    throw new InputError(
      `${name} has tuned weights of a model without LAuReL, but ${file} is laurelized; give the plain model.`,
    );
  const own = tuningOf(model.metadata);
  if (own) {
    const { sha256: mine, head } = own;
    const isSame = mine === tuning.sha256 && `${head?.classes}` === `${tuning.head?.classes}`;
    if (isSame || mine === null || tuning.sha256 === null) return model;
  }
  const digest = await sha256(model.source);
  if (tuning.sha256 !== null && digest !== tuning.sha256)
    throw new InputError(
      `${file} is not the model that ${name} was made from, because its SHA-256 differs; give that model, tuned or not.`,
    );
  if (tuning.head) return withHeadOf(model, tuning, ort);
  return own ? model : withTuning(model, { sha256: digest, trained: [] });
}
