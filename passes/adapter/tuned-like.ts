import { sha256 } from "#node";
import { InputError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";
import { newHead } from "../head/new-head.ts";
import { type TuningRecord, tuningOf, withTuning } from "../head/tuning.ts";
import { laurelizations } from "../laurelize/manifest.ts";
import type { Adapter } from "./adapter.ts";

/** The model with an adapter's new last layer, if it is the model which that was made in. */
export async function withHeadOf(
  model: Model,
  tuning: TuningRecord | null | undefined,
  ort: Ort,
): Promise<Model> {
  if (!tuning?.head || (await sha256(model.source)) !== tuning.sha256) return model;
  const { layer, classes, seed } = tuning.head;
  return newHead(model, { ort, layer, classes, seed });
}

/**
 * A plain model in which an adapter's weights were tuned: the original, by its SHA-256, or the
 * tuned one. Throws an InputError for any other model.
 */
export async function tunedLike(
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
