import picomatch from "picomatch";
import { type Graph, InputError, type Node } from "../src/graph/graph.ts";
import { type Emit, opsOver } from "../src/graph/ops.ts";
import type { NewNode, Patch } from "../src/graph/patch.ts";
import { type DenseTensor, encodeNumbers } from "../src/graph/tensor.ts";
import type { Site } from "./residuals/residual.ts";
import { defaults, variantNamed, variantNames } from "./variants/index.ts";
import type { Place, Variant, VariantOptions } from "./variants/variant.ts";

/** What to insert, and where. */
export interface LaurelOptions extends Partial<VariantOptions> {
  /** "rw", "lr" or "rw+lr". */
  readonly variant: string;
  /** Globs over site names; a site must match one. All where there is none. */
  readonly include?: readonly string[] | undefined;
  /** Globs over site names; a site must match none. */
  readonly exclude?: readonly string[] | undefined;
}

/** A site with what is inserted there. */
export interface Augmented {
  readonly site: Site;
  readonly place: Place;
  /** Names of the new tensors by role: "lr.A" → "/layer1/Add.laurel.A". */
  readonly parameters: Readonly<Record<string, DenseTensor>>;
}

/** Everything that is to be changed, before anything is. */
export interface Plan {
  readonly variant: string;
  readonly parts: readonly Variant[];
  readonly options: VariantOptions;
  readonly sites: readonly Augmented[];
  readonly patch: Patch;
  readonly warnings: readonly string[];
}

/** The metadata_props key under which a laurelized model says so. */
export const METADATA_KEY = "laurelize";

/** Picks the sites that the globs name. `*` matches across slashes. */
export function chosen(sites: readonly Site[], { include, exclude }: LaurelOptions): Site[] {
  const matcher = (globs: readonly string[] | undefined) =>
    globs?.length ? picomatch([...globs], { bash: true, dot: true }) : null;
  const [wanted, unwanted] = [matcher(include), matcher(exclude)];
  return sites.filter(({ name }) => (wanted?.(name) ?? true) && !(unwanted?.(name) ?? false));
}

/** Plans LAuReL at these sites: `y = α f + β (x + Σ addends)`. Changes nothing yet. */
export function plan(
  graph: Graph,
  sites: readonly Site[],
  wanted: LaurelOptions,
  version: string,
): Plan {
  const parts = variantNamed(wanted.variant);
  if (!parts)
    throw new InputError(
      `there is no variant "${wanted.variant}"; choose ${variantNames.join(", ")}.`,
    );
  const { variant, include: _, exclude: __, ...given } = wanted;
  const options = { ...defaults, ...given };
  checkOptions(options);
  const warnings: string[] = [];
  const names = new Set(graph.names);
  const fresh = (name: string): string => {
    let free = name;
    for (let k = 1; names.has(free); k++) free = `${name}_${k}`;
    names.add(free);
    return free;
  };
  const patch = { nodes: [], tensors: [], redirects: [], metadata: [] } as Mutable<Patch>;
  const augmented = sites.map((site) => augment(site, parts, options, fresh, patch));
  const clamped = sites.filter((site) => site.feature.size < options.rank).length;
  if (clamped > 0 && parts.some((part) => part.name === "lr"))
    warnings.push(
      `rank ${options.rank} is more than the feature size of ${clamped} ${clamped === 1 ? "site" : "sites"}; it is clamped there.`,
    );
  const manifest = {
    version,
    variant,
    options,
    sites: augmented.map(({ site, parameters }) => ({
      name: site.name,
      output: site.output.name,
      parameters: Object.fromEntries(
        Object.entries(parameters).map(([role, { name }]) => [role, name]),
      ),
    })),
  };
  patch.metadata.push({ key: METADATA_KEY, value: JSON.stringify(manifest) });
  return { variant, parts, options, sites: augmented, patch, warnings };
}

function checkOptions({ rank, seed, normalize, init }: VariantOptions): void {
  const choice = (name: string, value: string, ...all: string[]) => {
    if (!all.includes(value))
      throw new InputError(`${name} ${value} is none of ${all.join(", ")}.`);
  };
  if (!Number.isSafeInteger(rank) || rank < 1)
    throw new InputError(`rank ${rank} is no whole number from 1 on.`);
  if (!Number.isSafeInteger(seed)) throw new InputError(`seed ${seed} is no whole number.`);
  choice("normalize", normalize, "softmax", "sigmoid", "none");
  choice("init", init, "xavier", "orthogonal");
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

function augment(
  site: Site,
  parts: readonly Variant[],
  options: VariantOptions,
  fresh: (name: string) => string,
  patch: Mutable<Patch>,
): Augmented {
  const place = {
    name: site.name,
    dtype: site.dtype,
    rank: site.shape.length,
    feature: site.feature,
  };
  const prefix = `${site.name}.laurel`;
  const parameters: Record<string, DenseTensor> = {};
  const tensor = (
    name: string,
    dtype: string,
    dims: readonly number[],
    values: ArrayLike<number>,
  ) => {
    const made = { name: fresh(name), dtype, dims, data: encodeNumbers(dtype, values) };
    patch.tensors.push(made);
    return made;
  };
  const constants = new Map<string, string>();
  const constant = (value: number, dtype = site.dtype): string => {
    const key = `${dtype}${value}`;
    const name = constants.get(key) ?? tensor(`${prefix}.${value}`, dtype, [], [value]).name;
    constants.set(key, name);
    return name;
  };
  const before = (node: Node) => {
    const emit: Emit<string> = (op, inputs, attributes = {}) => {
      const output = fresh(`${prefix}.${op}`);
      const made: NewNode = { name: output, op, inputs, output, attributes };
      patch.nodes.push({ before: node, node: made });
      return output;
    };
    return opsOver(emit);
  };
  const own = new Map(
    parts.map((part) => {
      const tensors = Object.entries(part.parameters(place, options)).map(
        ([role, { dims, start }]) => {
          const made = tensor(`${prefix}.${role}`, site.dtype, dims, start);
          parameters[`${part.name}.${role}`] = made;
          return [role, made.name] as const;
        },
      );
      return [part, Object.fromEntries(tensors)];
    }),
  );
  const first = [site.skip, ...site.branches]
    .map(({ use }) => use.node)
    .reduce((a, b) => (a.index < b.index ? a : b));
  const weighing = parts.find((part) => part.factors);
  const factors = weighing?.factors?.(before(first), own.get(weighing)!, options, constant);

  const skipOps = before(site.skip.use.node);
  let skip = site.skip.value.name;
  for (const part of parts)
    if (part.addend)
      skip = skipOps.Add(skip, part.addend(skipOps, site.skip.value.name, own.get(part)!, place));
  if (factors) skip = skipOps.Mul(skip, factors.beta);
  patch.redirects.push({ use: site.skip.use, name: skip });
  if (factors)
    for (const { value, use } of site.branches)
      patch.redirects.push({ use, name: before(use.node).Mul(value.name, factors.alpha) });
  return { site, place, parameters };
}
