import { patchedBytes } from "../../src/graph/patch.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { laurelizations, manifestKey, parameterNames } from "../laurelize/manifest.ts";

/**
 * Returns the names of old weights that were trained along with LAuReL's according to the metadata,
 * in file order.
 */
export function trainedNames(model: Model): string[] {
  const named = new Set(laurelizations(model.metadata).flatMap((each) => each?.trained ?? []));
  return inFileOrder(model, named);
}

/**
 * Records these old weights as trained in the metadata of the last laurelization; returns the same
 * model if it is plain or records them already. LAuReL's own weights need no record, unless data
 * was `moved` within the file, so that the file alone no longer shows that nothing else was
 * trained.
 */
export function notedAsTrained(model: Model, names: readonly string[], moved: boolean): Model {
  const all = laurelizations(model.metadata);
  const last = all.at(-1);
  if (!last) return model;
  const own = new Set(parameterNames(all.filter((each) => each !== null)));
  const earlier = new Set(parameterNames(all.slice(0, -1).filter((each) => each !== null)));
  const tells = !moved && ![...names].some((name) => earlier.has(name));
  const before = last.trained ?? [];
  const named = new Set([...before, ...[...names].filter((name) => !own.has(name))]);
  if (named.size === before.length && (last.trained || tells)) return model;
  const key = manifestKey(all.length - 1);
  const value = JSON.stringify({ ...last, trained: inFileOrder(model, named) });
  return modelOf(patchedBytes(model.file, { metadata: [{ key, value }] }), model.folder);
}

const inFileOrder = ({ graph }: Model, names: ReadonlySet<string>) =>
  [...graph.main.values.keys()].filter((name) => names.has(name));
