import { checkModel } from "../../src/arguments.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import type { Scope } from "../../src/graph/graph.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { decodeNumbers, encodeNumbers } from "../../src/graph/tensor.ts";
import type { Model } from "../../src/model.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { nodeMetadata } from "../../src/onnx/model-file.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { laurelPaths, modulePath, notedPath } from "../head/module-paths.ts";
import type { Laurelization } from "../laurelize/manifest.ts";
import type { ManifestSite } from "../residuals/residual.ts";
import { rw } from "../variants/rw.ts";
import { laurelizationsOf, trainableWeights } from "./trainable.ts";
import { weightOf } from "./weights.ts";

/** A LAuReL weight for PyTorch, in the paper's layout, and the site that it belongs to. */
export interface TorchTensor extends DenseTensor {
  readonly site: string;
}

/**
 * Returns the LAuReL weights of a model for PyTorch, named by module paths: "layer1.0.laurel.alpha". α and
 * β are effective values, a scalar or one for each feature; w or p, of which they are made, comes
 * beside them. A is D×r and B r×D, so that y = α f + β (x + Σ γ_j (x_{i-j} A_j) B_j) for features
 * on the last axis. Throws an InputError if the model is not laurelized.
 */
export function torchTensors(model: Model): TorchTensor[] {
  checkModel("torchTensors", model);
  const sites = weightsInLayout(model);
  const scopes = [...scopesOf(model.graph)];
  const paths = laurelPaths(sites.map(({ site }) => moduleOf(model, scopes, site)));
  return sites.flatMap(({ site, weights }, k) =>
    weights.map(({ role, ...tensor }) => ({
      ...tensor,
      name: `${paths[k]}.${role}`,
      site: site.name,
    })),
  );
}

/** Returns the weights of each site, as `torchTensors` describes them, by their roles. */
export function weightsInLayout(model: Model) {
  const inserted = laurelizationsOf(model);
  trainableWeights(model);
  return inserted.flatMap((one) =>
    one.sites.map((site) => {
      const weights = Object.entries(site.parameters).map(([role, name]): RoleWeight => {
        const { dtype, dims, data } = weightOf(model, name);
        return { role: role.slice(role.indexOf(".") + 1), dtype, dims, data };
      });
      return { site, weights: [...factors(one, weights), ...weights.map(inLayout)] };
    }),
  );
}

/** The path of the module that a site belongs to: as the exporter notes it, else by the site's name. */
function moduleOf(
  { file }: Model,
  scopes: readonly Scope[],
  { name, output }: ManifestSite,
): string {
  const [node] = scopes.flatMap(({ values }) => values.get(output)?.producer ?? []);
  return (node && notedPath(nodeMetadata(file, node.message))) ?? modulePath(name);
}

/** Returns the LAuReL weights of a model for PyTorch as a .safetensors file with their sites. */
export function torchBytes(model: Model): Uint8Array {
  checkModel("torchBytes", model);
  const tensors = torchTensors(model);
  const sites = new Map(
    tensors.map(({ name, site }) => [name.slice(0, name.lastIndexOf(".")), site]),
  );
  const variants = laurelizationsOf(model).map(({ variant, options }) => ({ variant, options }));
  return writeSafetensors(
    tensors,
    new Map([
      ["format", "pt"],
      ["laurel", JSON.stringify(variants)],
      ["sites", JSON.stringify(Object.fromEntries(sites))],
    ]),
  );
}

/** A weight of a site by its role: "w", "A", "B0". */
export interface RoleWeight extends Omit<DenseTensor, "name"> {
  readonly role: string;
}

/** α and β as they are effective; nothing if they are weights themselves, or the variant has none. */
function factors({ options }: Laurelization, weights: readonly RoleWeight[]): RoleWeight[] {
  const raw = weights.find(({ role }) => role === "w" || role === "p");
  if (!raw) return [];
  const { dtype, dims } = raw;
  const { alpha, beta } = rw.factorsFormula!({
    parameters: { [raw.role]: decodeNumbers(dtype, raw.data) },
    place: null as never,
    options,
    magnitude: false,
  });
  const shape = dims.length > (raw.role === "w" ? 1 : 0) ? [alpha.length] : [];
  return Object.entries({ alpha, beta }).map(([role, values]) => ({
    role,
    dtype,
    dims: shape,
    data: encodeNumbers(dtype, values),
  }));
}

/**
 * A weight in the paper's layout. A is D×r and B r×D; those of a 1×1 convolution are stored as
 * [r, D, 1, …] and [D, r, 1, …]. Factors of single features lose the ones behind their axis.
 */
function inLayout(weight: RoleWeight): RoleWeight {
  const { role, dtype, dims, data } = weight;
  if (/^[AB]\d*$/.test(role)) {
    if (dims.length <= 2) return weight;
    const [rows, columns] = dims;
    const values = decodeNumbers(dtype, data);
    const turned = values.map((_, k) => values[(k % rows) * columns + Math.floor(k / rows)]);
    return { role, dtype, dims: [columns, rows], data: encodeNumbers(dtype, turned) };
  }
  if (role === "w") return { ...weight, dims: dims.length > 1 ? [dims[0], 2] : [2] };
  if (role === "gamma" || dims.length === 0) return weight;
  return { ...weight, dims: [elements(dims)] };
}
