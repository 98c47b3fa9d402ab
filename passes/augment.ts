import type { Node, Value } from "../src/graph/graph.ts";
import { type Emit, nodeOf, opsOver } from "../src/graph/ops.ts";
import type { Patch } from "../src/graph/patch-edits.ts";
import { type DenseTensor, encodeNumbers } from "../src/graph/tensor.ts";
import { isHalfEdge } from "./half-edges.ts";
import type { Site, Term } from "./residuals/residual.ts";
import { scaled } from "./variants/scaled.ts";
import type { Building, Place, Variant, VariantOptions } from "./variants/variant.ts";

/** A site with what is inserted there. */
export interface Augmented {
  readonly site: Site;
  readonly place: Place;
  /** x_i, x_{i-1}, …: the skip operands that the variant takes. */
  readonly operands: readonly Value[];
  /** The value that the skip slot reads now. */
  readonly augmentedSkip: string;
  /** The new tensors by part and role: "lr.A" → "/layer1/Add.laurel.A". */
  readonly parameters: Readonly<Record<string, DenseTensor>>;
}

/** A patch that is being written. */
export type Draft = {
  -readonly [K in "nodes" | "tensors" | "redirects"]: Patch[K][number][];
};

/**
 * Writes `y = α f + β (x + Σ addends)` into the draft: the skip's and the branches' slots are
 * redirected, and that of a bias which the sum's node adds for the branch. The new tensors are those of `like`, where that is the same layer.
 */
export function augment(
  site: Site,
  operands: readonly Value[],
  parts: readonly Variant[],
  options: VariantOptions,
  fresh: (role: string) => string,
  draft: Draft,
  like: Augmented | null = null,
): Augmented {
  const { name, dtype, shape, feature, skip, branches, bias } = site;
  const place = { name, dtype, rank: shape.length, feature, lags: operands.length };
  const parameters: Record<string, DenseTensor> = {};
  const tensor = (
    role: string,
    type: string,
    dims: readonly number[],
    values: ArrayLike<number>,
  ) => {
    const made = { name: fresh(role), dtype: type, dims, data: encodeNumbers(type, values) };
    draft.tensors.push(made);
    return made;
  };
  const constants = new Map<string, string>();
  const constant = (value: number, type = dtype, dims: readonly number[] = []): string => {
    const digits = Object.is(value, -0) ? "-0" : String(value);
    const key = `${type} ${digits} ${dims}`;
    const filled = () => new Array(dims.reduce((a, b) => a * b, 1)).fill(value);
    const known = constants.get(key) ?? tensor(digits, type, dims, filled()).name;
    constants.set(key, known);
    return known;
  };
  const building = (part: Variant, node: Node): Building<string> => {
    const own = Object.entries(part.parameters(place, options)).map(([role, { dims, start }]) => {
      const key = `${part.name}.${role}`;
      const made = like?.parameters[key] ?? tensor(role, dtype, dims, start);
      parameters[key] = made;
      return [role, made.name];
    });
    return { op: before(node), parameters: Object.fromEntries(own), place, options, constant };
  };
  const before = (node: Node) => {
    const emit: Emit<string> = (call) => {
      const made = nodeOf(call, fresh, call.op);
      draft.nodes.push({ before: node, node: made });
      return made.outputs;
    };
    return opsOver(emit);
  };

  const earliest = [skip, ...branches]
    .map(({ use }) => use.node)
    .reduce((a, b) => (a.index < b.index ? a : b));
  const weighing = parts.find((part) => part.factors);
  const factors = weighing?.factors?.(building(weighing, earliest));
  const scale = (node: Node, value: string, factor: string) =>
    scaled({ op: before(node), place, constant }, value, factor, options.perChannel);
  const op = before(skip.use.node);
  /** What is made of a value on its way to a slot; in half precision at both ends where the two were. */
  const between = ({ value, use: { node } }: Term, make: (x: string) => string): string => {
    if (!isHalfEdge(value, node, dtype)) return make(value.name);
    const op = before(node);
    return op.Identity(make(op.Identity(value.name)));
  };
  const weighed = between(skip, (x) => {
    let bracket = x;
    for (const part of parts)
      for (const addend of part.addends?.(
        building(part, skip.use.node),
        operands.map((value) => value.name),
      ) ?? [])
        bracket = op.Add(bracket, addend);
    return factors ? scale(skip.use.node, bracket, factors.beta) : bracket;
  });
  draft.redirects.push({ use: skip.use, name: weighed });
  for (const branch of factors ? branches : []) {
    const { use } = branch;
    const name = between(branch, (f) => scale(use.node, f, factors!.alpha));
    draft.redirects.push({ use, name });
  }
  if (factors && bias)
    draft.redirects.push({
      use: bias.use,
      name: before(bias.use.node).Mul(bias.value.name, factors.alpha),
    });
  return { site, place, operands, augmentedSkip: weighed, parameters };
}
