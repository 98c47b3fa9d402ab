import type { Undo } from "../src/graph/patch.ts";
import type { VariantOptions } from "./variants/variant.ts";

/** What a laurelized model says of itself, in its metadata_props. */
export interface Manifest {
  /** Version of this tool. */
  readonly version: string;
  readonly variant: string;
  readonly options: VariantOptions;
  readonly sites: readonly ManifestSite[];
  /** SHA-256 of the original file, in hexadecimal; null where it was not taken. */
  readonly sha256: string | null;
  /** The same of a sample, where old weights are referred to in the original's file. */
  readonly sample?: string;
  readonly undo: Undo;
  /** How the opened model, which `undo` leads to, becomes the original; where one was opened. */
  readonly opening?: Undo;
}

/** One site as it was augmented. */
export interface ManifestSite {
  readonly name: string;
  /** The sum's value. */
  readonly output: string;
  /** x_i, and the value that the sum's skip slot reads instead. */
  readonly skip: string;
  readonly augmented: string;
  /** Names of the new tensors by part and role: "lr.A". */
  readonly parameters: Readonly<Record<string, string>>;
}

const KEY = "laurelize";

/** The metadata_props key of a model's n-th laurelization, from 0. */
export const manifestKey = (n: number) => (n === 0 ? KEY : `${KEY}.${n + 1}`);

/** The manifests in a model's metadata, first to last. One that does not read as such is null. */
export function manifests(metadata: ReadonlyMap<string, string>): (Manifest | null)[] {
  const found: (Manifest | null)[] = [];
  for (let n = 0; metadata.has(manifestKey(n)); n++)
    found.push(parse(metadata.get(manifestKey(n))!));
  return found;
}

function parse(text: string): Manifest | null {
  try {
    const read = JSON.parse(text) as Manifest;
    const sound =
      Array.isArray(read.sites) &&
      read.sites.every(({ name, skip, augmented }) => name && skip && augmented) &&
      typeof read.undo === "object";
    return sound ? read : null;
  } catch {
    return null;
  }
}
