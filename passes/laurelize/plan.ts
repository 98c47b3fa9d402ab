import { flag, texts } from "../../src/arguments.ts";
import { mapValues } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import { withAllowedTensors } from "../../src/graph/early-constants.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { NewContents } from "../../src/graph/patch-contents.ts";
import { weightsScope } from "../../src/graph/scopes.ts";
import { withOne } from "../../src/onnx/short-lists.ts";
import { valuesOf } from "../../src/option-values.ts";
import type { Declared, Given } from "../../src/options.ts";
import type { Site } from "../residuals/residual.ts";
import {
  built,
  DEFAULT_VARIANT,
  defaultMap,
  type VariantName,
  type VariantOptions,
  variantNamed,
  variantNames,
  variantOptions,
} from "../variants/index.ts";
import type { Variant } from "../variants/variant.ts";
import type { Choice } from "./choose.ts";
import { type Draft, type InsertedSite, insertAt } from "./insert.ts";
import { choosing, inserting } from "./insert-options.ts";
import { insertedName, type Manifest, siteNameIn } from "./manifest.ts";

/** What to insert, and where. */
export interface LaurelOptions extends Choice, Given<VariantOptions> {
  /** A variant's name; "rw+lr" by default. */
  readonly variant?: VariantName | undefined;
}

/** Declarations of the options for what is inserted and where. */
export const laurelOptionTypes: Declared<LaurelOptions> = {
  ...inserting,
  ...choosing,
  sites: texts,
  again: flag,
};

/** All changes, before any is applied. */
export interface Plan {
  readonly variant: string;
  readonly parts: readonly Variant[];
  readonly options: VariantOptions;
  readonly sites: readonly InsertedSite[];
  readonly patch: NewContents;
  readonly warnings: readonly string[];
}

/** Plans LAuReL at these sites. Changes nothing yet. */
export function plan(
  graph: Graph,
  sites: readonly Site[],
  wanted: Omit<LaurelOptions, keyof Choice>,
): Plan {
  const variant = wanted.variant ?? DEFAULT_VARIANT;
  const named = variantNamed(variant);
  if (!named)
    throw new InputError(`there is no variant "${variant}"; choose ${variantNames.join(", ")}.`);
  const options = optionsOf(wanted, named);
  const parts = built(named);
  const lags = parts.some(({ lagged }) => lagged) ? options.lags : 1;
  const draft: Draft = { nodes: [], tensors: [], redirects: [] };
  const below = namesBelow(graph);
  const layers = new Map<string, InsertedSite>();
  const inserted = sites.map((site) => {
    const operands = laggedSkips(site, lags);
    const layer = layers.get(site.layer);
    const shares =
      layer?.operands.length === operands.length &&
      weightsScope(layer.site.scope) === weightsScope(site.scope);
    const like = shares ? layer : null;
    const insertion = insertAt({ site, operands, parts, options, like }, below(site), draft);
    if (!layer) layers.set(site.layer, insertion);
    return insertion;
  });
  const warnings = wanted.rank === undefined ? [] : clamping(inserted, options);
  const patch = withAllowedTensors(graph, draft);
  return { variant, parts, options, sites: inserted, patch, warnings };
}

/** Returns the metadata of the result. */
export const manifestOf = (
  { variant, options, sites }: Plan,
  facts: Omit<Manifest, "variant" | "options" | "sites">,
): Manifest => ({
  ...facts,
  variant,
  options,
  sites: sites.map(({ site, newSkip, parameters }) => ({
    name: site.name,
    output: site.output.name,
    skip: site.skip.value.name,
    augmented: newSkip,
    parameters: mapValues(parameters, ({ name }) => name),
  })),
});

/** Returns the skips of a site and of up to k − 1 previous ones of its stream, nearest first. */
function laggedSkips(site: Site, k: number): Value[] {
  let skips: Value[] = [];
  for (let at: Site | null = site; at && skips.length < k; at = at.previous)
    skips = withOne(skips, at.skip.value);
  return skips;
}

/** Returns names below a site, each once. Site names are unique: only the model's can conflict. */
function namesBelow(graph: Graph): (site: Site) => (role: string) => string {
  const there = new Set<string>();
  for (const name of graph.names) if (siteNameIn(name) !== null) there.add(name);
  return (site) => {
    const given = new Set<string>();
    return (role) => {
      let name = insertedName(site.name, role);
      for (let k = 1; given.has(name) || there.has(name); k++)
        name = insertedName(site.name, `${role}_${k}`);
      given.add(name);
      return name;
    };
  };
}

function clamping(sites: readonly InsertedSite[], { rank }: VariantOptions): string[] {
  const clamped = sites.filter(
    ({ place, parameters }) =>
      place.feature.size < rank && Object.keys(parameters).some((role) => role.includes(".A")),
  ).length;
  return clamped === 0
    ? []
    : [
        `rank ${rank} is more than the feature size of ${clamped} ${clamped === 1 ? "site" : "sites"}, so it is limited to the feature size there.`,
      ];
}

/** The order of the options in a model's metadata; others follow. */
const RECORDED = "rank normalize perChannel init lags shareLags seed paMap".split(" ");

/** Returns the values of all variants' options. Throws an InputError for one out of range. */
function optionsOf(
  wanted: Omit<LaurelOptions, keyof Choice>,
  named: readonly Variant[],
): VariantOptions {
  const paMap = wanted.paMap ?? defaultMap(named);
  if (paMap === "identity" && defaultMap(named) === "low-rank")
    throw new InputError(
      `pa-map identity cannot be combined with ${wanted.variant}, whose LR is the low-rank map at lag 0; leave out lr or the option.`,
    );
  const place = (name: string) => (RECORDED.indexOf(name) + 1 || RECORDED.length + 1) - 1;
  const values = Object.entries(valuesOf(variantOptions, { ...wanted, paMap }));
  return Object.fromEntries(
    values.sort(([a], [b]) => place(a) - place(b)),
  ) as unknown as VariantOptions;
}
