import { tensorOf } from "../../src/graph/constants.ts";
import { weightNamed } from "../../src/graph/scopes.ts";
import { decodeNumbers } from "../../src/graph/tensor.ts";
import type { Model } from "../../src/model.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { type RoleWeight, weightsInLayout } from "../adapter/torch.ts";
import { type Laurelization, laurelizations, parameterNames } from "../laurelize/manifest.ts";
import type { ManifestSite, Site } from "../residuals/residual.ts";
import { bySite, type SumOfSite } from "./operands.ts";

/** A factor as it is effective, normalized: one number, or the mean and the range over features. */
export interface EffectiveFactor {
  readonly mean: number;
  readonly smallest: number;
  readonly largest: number;
}

/** A skip that a site adds to its own: that of the site itself (lag 0) or of an earlier one. */
export interface LagWeights {
  readonly lag: number;
  /** The site whose skip it is; null if it is not found. */
  readonly from: string | null;
  /** γ; null if the variant has none. */
  readonly gamma: number | null;
  /** ‖AB‖, the Frobenius norm of the low-rank map; null if the map is the identity. */
  readonly norm: number | null;
  /** |γ|, times ‖AB‖ / √D for a low-rank map: 1 for the identity, whatever the size. */
  readonly strength: number;
}

/** The LAuReL weights of one insertion at a site. */
export interface LaurelWeights {
  readonly variant: string;
  /** Number of new weights; 0 if the model takes them as inputs. */
  readonly parameters: number;
  /** Factor of the branch; null if the variant has none. */
  readonly alpha: EffectiveFactor | null;
  /** Factor of the skip; null if the variant has none. */
  readonly beta: EffectiveFactor | null;
  readonly lags: readonly LagWeights[];
}

/** A site by its name; without those before it, lags do not say where they come from. */
type NamedSite = SumOfSite & Pick<Site, "previous">;

/** Returns a function that gives the LAuReL weights of a site, as the model contains them. */
export function weightsOfSites(model: Model): (site: NamedSite) => LaurelWeights[] {
  const records = laurelizations(model.metadata).filter((one) => one !== null);
  const present = parameterNames(records).every((name) => tensorOf(weightNamed(model.graph, name)));
  const groups = present && records.length > 0 ? weightsInLayout(model) : [];
  const recorded = records.flatMap((one) => one.sites.map((record) => ({ one, record })));
  const known = bySite(
    recorded.map(({ one, record }, k) => {
      const group = new Map(groups[k]?.weights.map((weight) => [weight.role, weight]));
      return [record, (site: NamedSite) => weightsIn(one, record, group, site)] as const;
    }),
  );
  return (site) => known(site).map((weights) => weights(site));
}

/** Tensors of a site by their role: "alpha", "A0". */
type Group = ReadonlyMap<string, RoleWeight>;

function weightsIn(
  { variant }: Laurelization,
  { parameters }: ManifestSite,
  group: Group,
  site: NamedSite,
): LaurelWeights {
  const numbers = (role: string) => {
    const tensor = group.get(role);
    return tensor ? decodeNumbers(tensor.dtype, tensor.data) : null;
  };
  const stored = new Set(Object.keys(parameters).map((role) => role.slice(role.indexOf(".") + 1)));
  let count = 0;
  for (const [role, { dims }] of group) if (stored.has(role)) count += elements(dims);
  return {
    variant,
    parameters: count,
    alpha: effective(numbers("alpha")),
    beta: effective(numbers("beta")),
    lags: lagsOf(group, numbers, site),
  };
}

function effective(values: Float64Array | null): EffectiveFactor | null {
  if (!values || values.length === 0) return null;
  const [first] = values;
  const range = { mean: 0, smallest: first, largest: first };
  for (const value of values) {
    range.mean += value / values.length;
    range.smallest = Math.min(range.smallest, value);
    range.largest = Math.max(range.largest, value);
  }
  return values.length === 1 ? { ...range, mean: first } : range;
}

function lagsOf(
  group: Group,
  numbers: (role: string) => Float64Array | null,
  site: NamedSite,
): LagWeights[] {
  const gammas = numbers("gamma");
  const count = gammas?.length ?? (group.has("A") ? 1 : 0);
  const lags: LagWeights[] = [];
  let from: NamedSite | null = site;
  for (let lag = 0; lag < count; lag++) {
    const suffix = group.has(`A${lag}`) ? `${lag}` : "";
    const [A, B] = [numbers(`A${suffix}`), numbers(`B${suffix}`)];
    const size = group.get(`A${suffix}`)?.dims[0] ?? 1;
    const gamma = gammas?.[lag] ?? null;
    const norm = A && B ? normOfProduct(A, B, size) : null;
    const strength = Math.abs(gamma ?? 1) * (norm === null ? 1 : norm / Math.sqrt(size));
    lags.push({ lag, from: from?.name ?? null, gamma, norm, strength });
    from = from?.previous ?? null;
  }
  return lags;
}

/**
 * Returns the Frobenius norm of AB for A of size D×r and B of size r×D. Its square is the sum over
 * AᵀA times BBᵀ, so that no matrix of size D×D is made.
 */
function normOfProduct(A: Float64Array, B: Float64Array, size: number): number {
  const rank = A.length / size;
  let sum = 0;
  for (let i = 0; i < rank; i++)
    for (let j = 0; j < rank; j++) {
      let [inA, inB] = [0, 0];
      for (let k = 0; k < size; k++) {
        inA += A[k * rank + i] * A[k * rank + j];
        inB += B[i * size + k] * B[j * size + k];
      }
      sum += inA * inB;
    }
  return Math.sqrt(Math.max(0, sum));
}
