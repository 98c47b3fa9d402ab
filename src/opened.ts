import { callsWith, openCalls, openSums } from "../passes/open/functions.ts";
import { findSites, type ResidualOptions, type Residuals } from "../passes/residuals/index.ts";
import type { Inlined } from "./graph/inline.ts";
import { applyPatch, type Undo } from "./graph/patch.ts";
import { type Model, modelOf, typesOf } from "./model.ts";
import type { Ort } from "./runtime/session.ts";

/** A model with functions that hold residual connections in place of their calls. */
export interface Opened {
  readonly model: Model;
  /** The calls that were opened, by the way to each. */
  readonly calls: readonly string[];
  /** How it becomes the model that it was opened from; null where it is that model. */
  readonly undo: Undo | null;
}

/** A model as it is searched, its residual connections, and warnings of the inference. */
export interface Searched {
  readonly opened: Opened;
  readonly found: Residuals;
  readonly warnings: readonly string[];
}

/** Opens the calls of functions that hold residual connections, and finds these. */
export async function searched(
  model: Model,
  ort: Ort,
  options: ResidualOptions,
): Promise<Searched> {
  const search = async (opened: Opened): Promise<Searched> => {
    const { types, warnings } = await typesOf(opened.model, ort);
    return { opened, found: findSites(opened.model.graph, types, options), warnings };
  };
  const closed: Opened = { model, calls: [], undo: null };
  const all = model.graph.functions.length === 0 ? null : openSums(model.graph);
  if (!all) return search(closed);
  const whole = await search(await opened(model, all));
  const needed = callsWith(whole.found.sites, all);
  if (needed.size === 0) return search(closed);
  const some = openCalls(model.graph, needed)!;
  return some.calls.length === all.calls.length ? whole : search(await opened(model, some));
}

async function opened(model: Model, { patch, calls }: Inlined): Promise<Opened> {
  const { source, folder, undo } = await applyPatch(model.graph, patch);
  return { model: modelOf(source, folder), calls, undo: undo() };
}
