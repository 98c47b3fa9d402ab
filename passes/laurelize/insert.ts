import { entry } from "../../src/entry.ts";
import type { Node, Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { type Emit, nodeOf, opsOver } from "../../src/graph/ops.ts";
import type { NewContents } from "../../src/graph/patch-contents.ts";
import { weightsScope } from "../../src/graph/scopes.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { Site, Term } from "../residuals/residual.ts";
import type { VariantOptions } from "../variants/index.ts";
import { scaled } from "../variants/scaled.ts";
import type { SiteDescription, Variant, VariantBuilder } from "../variants/variant.ts";

/** A site, and what is inserted there. */
export interface InsertedSite {
  readonly site: Site;
  readonly place: SiteDescription;
  /** x_i, x_{i-1}, …: the skip operands that the variant reads. */
  readonly operands: readonly Value[];
  /** The value that the skip slot reads now. */
  readonly newSkip: string;
  /** The new tensors by part and role: "lr.A" → "/layer1/Add.laurel.A". */
  readonly parameters: Readonly<Record<string, DenseTensor>>;
}

/** A patch under construction. */
export type Draft = { readonly [K in keyof NewContents]: NewContents[K][number][] };

/** What to insert at one site. */
interface Insert extends Pick<InsertedSite, "site" | "operands"> {
  readonly parts: readonly Variant[];
  readonly options: VariantOptions;
  /** The same layer elsewhere, whose new tensors this site shares; null if it has its own. */
  readonly like: InsertedSite | null;
}

/**
 * Writes `y = α f + β (x + Σ addends)` into the draft. Redirects the slots of the skip and the
 * branches, and that of a bias which the sum's node adds to the branch.
 */
export function insertAt(
  insert: Insert,
  fresh: (role: string) => string,
  draft: Draft,
): InsertedSite {
  const { site, operands, parts } = insert;
  const { skip, branches, bias } = site;
  const writer = siteWriter(insert, fresh, draft);
  const earliest = [skip, ...branches]
    .map(({ use }) => use.node)
    .reduce((a, b) => (a.index < b.index ? a : b));
  const weighing = parts.find((part) => part.factors);
  const factors = weighing?.factors?.(writer.builder(weighing, earliest));
  const names = operands.map((value) => value.name);
  const bracket = (x: string): string => {
    const { node } = skip.use;
    let sum = x;
    for (const part of parts)
      for (const addend of part.addends?.(writer.builder(part, node), names) ?? [])
        sum = writer.before(node).Add(sum, addend);
    return factors ? writer.scale(node, sum, factors.beta) : sum;
  };
  const newSkip = writer.between(skip, bracket);
  draft.redirects.push({ use: skip.use, name: newSkip });
  if (factors)
    for (const branch of branches) {
      const scale = (f: string) => writer.scale(branch.use.node, f, factors.alpha);
      draft.redirects.push({ use: branch.use, name: writer.between(branch, scale) });
    }
  if (factors && bias) {
    const name = writer.before(bias.use.node).Mul(bias.value.name, factors.alpha);
    draft.redirects.push({ use: bias.use, name });
  }
  return { site, place: writer.place, operands, newSkip, parameters: writer.parameters };
}

/** Writes nodes and tensors of one site, named after it. */
function siteWriter(
  { site, operands, options, like }: Insert,
  fresh: (role: string) => string,
  draft: Draft,
) {
  const { name, dtype, shape, feature } = site;
  const place = { name, dtype, rank: shape.length, feature, lags: operands.length };
  const parameters: Record<string, DenseTensor> = {};
  const tensor = (role: string, type: string, dims: readonly number[], values: Numbers) => {
    const data = encodeNumbers(type, values);
    const tensor = { name: fresh(role), dtype: type, dims, data, scope: weightsScope(site.scope) };
    draft.tensors.push(tensor);
    return tensor;
  };
  const constant = constants(dtype, (...given) => tensor(...given).name);
  const before = (node: Node) => {
    const emit: Emit = (call) => {
      const written = nodeOf(call, fresh, call.op);
      draft.nodes.push({ before: node, node: written });
      return written.outputs;
    };
    return opsOver(emit);
  };
  const builder = (part: Variant, node: Node): VariantBuilder<string> => {
    const names = Object.entries(part.parameters(place, options)).map(([role, { dims, start }]) => {
      const key = `${part.name}.${role}`;
      parameters[key] = like?.parameters[key] ?? tensor(role, dtype, dims, start);
      return [role, parameters[key].name];
    });
    return { op: before(node), parameters: Object.fromEntries(names), place, options, constant };
  };
  const scale = (node: Node, value: string, factor: string) =>
    scaled({ op: before(node), place, constant }, value, factor, options.perChannel);
  /** Writes what lies between a value and a slot; in half precision if both ends were. */
  const between = ({ value, use: { node } }: Term, make: (x: string) => string): string => {
    if (!isHalfEdge(value, node, dtype)) return make(value.name);
    const op = before(node);
    return op.Identity(make(op.Identity(value.name)));
  };
  return { place, parameters, before, builder, scale, between };
}

type Numbers = ArrayLike<number>;

/** Constants of one value, each written once. */
function constants(
  dtype: string,
  write: (role: string, type: string, dims: readonly number[], values: Numbers) => string,
) {
  const known = new Map<string, string>();
  return (value: number, type = dtype, dims: readonly number[] = []): string => {
    const digits = Object.is(value, -0) ? "-0" : String(value);
    const key = `${type} ${digits} ${dims}`;
    const filled = () => new Array<number>(elements(dims)).fill(value);
    return entry(known, key, () => write(digits, type, dims, filled()));
  };
}

/**
 * Whether a value goes between two nodes that both run in half precision on onnxruntime's CPU
 * provider. onnxruntime silently promotes such a node to single precision when all its neighbors
 * run in single precision, as inserted nodes would. So whatever is inserted between the two must
 * begin and end in half precision, or the result is rounded differently.
 */
const isHalfEdge = ({ producer }: Value, reader: Node, dtype: string) =>
  dtype === "float16" &&
  producer !== null &&
  hasFact(producer.op, "half") &&
  hasFact(reader.op, "half");
