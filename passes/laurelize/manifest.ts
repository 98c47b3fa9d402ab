import { tried } from "../../src/errors.ts";
import type { Undo } from "../../src/onnx/undo.ts";
import type { ResidualOptions } from "../residuals/find.ts";
import { isFeatureAxis } from "../residuals/named-axes.ts";
import type { ManifestSite } from "../residuals/residual.ts";
import type { VariantOptions } from "../variants/index.ts";

/** What was inserted into a model, and where. */
export interface Laurelization {
  /** The version of this tool. */
  readonly version: string;
  readonly variant: string;
  readonly options: VariantOptions;
  readonly sites: readonly ManifestSite[];
  /** How the sites were found, if the user chose it. */
  readonly finding?: RecordedSite;
  /** SHA-256 of the original file in hexadecimal; null if it was not computed. */
  readonly sha256: string | null;
  /** Names of the original's own weights that were trained since. */
  readonly trained?: readonly string[];
}

/** The record in a laurelized model's metadata_props. */
export interface Manifest extends Laurelization {
  /** The SHA-256 of a sample, if old weights are referred to in the original's file. */
  readonly sample?: string;
  readonly undo: Undo;
  /** The steps from the lowered model to the original; absent if nothing was lowered. */
  readonly opening?: readonly Undo[];
}

/** Options of the search that change which sites are found. */
type RecordedSite = Pick<ResidualOptions, "featureAxis" | "also">;

const KEY = "laurelize";

/** The metadata_props key of a model that was folded: it holds no LAuReL weights to be trained or taken out. */
export const FOLDED_KEY = "laurelize.folded";

/** Returns a sentence on why a folded model cannot be changed again; null if it is not folded. */
export const foldedSentence = (
  name: string,
  metadata: ReadonlyMap<string, string>,
  wanted: string,
) =>
  metadata.has(FOLDED_KEY)
    ? `${name} is folded: its LAuReL weights were merged into other weights; ${wanted} the laurelized model that it was made from.`
    : null;

/** Returns the metadata_props key of a model's n-th laurelization, from 0. */
export const manifestKey = (n: number) => (n === 0 ? KEY : `${KEY}.${n + 1}`);

const isObject = (value: unknown) => typeof value === "object" && value !== null;

/** Returns the manifests in a model's metadata, first to last; null for one that cannot be read. */
export const manifests = (metadata: ReadonlyMap<string, string>): (Manifest | null)[] =>
  laurelizations(metadata).map((read) => {
    const { undo, sample, opening = [] } = (read ?? {}) as Partial<Manifest>;
    const undoable = Array.isArray(opening) && [undo, ...opening].every(isObject);
    return undoable && ["string", "undefined"].includes(typeof sample) ? (read as Manifest) : null;
  });

/** Returns what was inserted by the metadata, first to last, whether or not it can be undone. */
export function laurelizations(metadata: ReadonlyMap<string, string>): (Laurelization | null)[] {
  const records: (Laurelization | null)[] = [];
  for (let n = 0; metadata.has(manifestKey(n)); n++)
    records.push(parse(metadata.get(manifestKey(n))!));
  return records;
}

/** What stands between a site's name and the names of what is inserted there. */
const MARK = ".laurel.";

/** Returns the name of what is inserted at a site in a role. */
export const insertedName = (site: string, role: string): string =>
  // A template would keep the parts, which take twice the room of the name.
  [site, role].join(MARK);

/** Returns the site's name in the name of an inserted value; null if the value has no such name. */
export function siteNameIn(name: string): string | null {
  const at = name.lastIndexOf(MARK);
  return at < 0 ? null : name.slice(0, at);
}

/** Returns the sites of laurelizations, as far as these can be read. */
export const sitesOf = (all: readonly (Laurelization | null)[]): ManifestSite[] =>
  all.flatMap((one) => one?.sites ?? []);

/** Returns the names of the new tensors without duplicates: sites of one layer share theirs. */
export const parameterNames = (all: readonly (Laurelization | null)[]): string[] => [
  ...new Set(sitesOf(all).flatMap(({ parameters }) => Object.values(parameters))),
];

const parse = (text: string): Laurelization | null =>
  tried(() => {
    const read = JSON.parse(text) as Laurelization;
    const { variant, options, sites, finding, sha256, trained = [] } = read;
    const sound =
      typeof variant === "string" &&
      typeof options === "object" &&
      options !== null &&
      (sha256 === null || typeof sha256 === "string") &&
      isFinding(finding ?? {}) &&
      Array.isArray(trained) &&
      trained.every((name) => typeof name === "string") &&
      Array.isArray(sites) &&
      sites.every(isSite);
    return sound ? read : null;
  });

const isSite = ({ name, skip, augmented, parameters }: ManifestSite) =>
  [name, skip, augmented, ...Object.values(parameters)].every(
    (each) => typeof each === "string" && each !== "",
  );

const isFinding = ({ featureAxis, also }: RecordedSite) =>
  (featureAxis === undefined || isFeatureAxis(featureAxis)) &&
  (also === undefined || Array.isArray(also));
