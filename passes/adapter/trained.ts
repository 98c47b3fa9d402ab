import { patchedBytes } from "../../src/graph/patch.ts";
import { type Model, modelOf } from "../../src/model.ts";
import { laurelizations, manifestKey, parameterNames } from "../laurelize/manifest.ts";

/** Names of old weights that a laurelized model says were trained with LAuReL's, in file order. */
export function trainedNames(model: Model): string[] {
  const named = new Set(laurelizations(model.metadata).flatMap((each) => each?.trained ?? []));
  return inFileOrder(model, named);
}

/**
 * The model with these old weights noted as trained in its last laurelization's metadata; itself
 * if it is plain or says so already. LAuReL's own weights need no note, unless the file was `moved`
 * within, so that the file alone no longer shows that nothing else was trained.
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
