import { sha256 } from "#node";
import { patchedBytes } from "../../src/graph/patch.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { tuningOf, withTuning } from "../head/tuning.ts";
import { laurelizations, manifestKey, parameterNames } from "../laurelize/manifest.ts";

/** Returns the model's own weights that were trained by the metadata, in file order. */
export function trainedNames(model: Model): string[] {
  const { metadata } = model;
  const named = laurelizations(metadata).flatMap((each) => each?.trained ?? []);
  return inFileOrder(model, new Set([...named, ...(tuningOf(metadata)?.trained ?? [])]));
}

/**
 * Records old weights as trained in the metadata of the last laurelization, or in the record that
 * `tunable` gives a plain model. Returns the same model if there is neither, or nothing to add.
 * LAuReL's own weights need no record, unless data was `moved` within the file, so that the file
 * alone no longer shows that nothing else was trained.
 */
export function notedAsTrained(model: Model, names: readonly string[], moved: boolean): Model {
  const inserted = laurelizations(model.metadata);
  const last = inserted.at(-1);
  if (!last) return notedInTuning(model, names);
  const own = new Set(parameterNames(inserted));
  const earlier = new Set(parameterNames(inserted.slice(0, -1)));
  const tells = !moved && ![...names].some((name) => earlier.has(name));
  const before = last.trained ?? [];
  const named = new Set([...before, ...[...names].filter((name) => !own.has(name))]);
  if (named.size === before.length && (last.trained || tells)) return model;
  const key = manifestKey(inserted.length - 1);
  const value = JSON.stringify({ ...last, trained: inFileOrder(model, named) });
  return modelOf(patchedBytes(model.file, { metadata: [{ key, value }] }));
}

function notedInTuning(model: Model, names: readonly string[]): Model {
  const tuning = tuningOf(model.metadata);
  if (!tuning) return model;
  const trained = inFileOrder(model, new Set([...tuning.trained, ...names]));
  return trained.length === tuning.trained.length
    ? model
    : withTuning(model, { ...tuning, trained });
}

/** Gives a plain model a record of what is trained, unless it has one; a laurelized one has its own. */
export async function tunable(model: Model): Promise<Model> {
  const { metadata } = model;
  if (laurelizations(metadata).length > 0 || tuningOf(metadata)) return model;
  return withTuning(model, { sha256: await sha256(model.source), trained: [] });
}

const inFileOrder = ({ graph }: Model, names: ReadonlySet<string>) =>
  [...graph.main.values.keys()].filter((name) => names.has(name));
