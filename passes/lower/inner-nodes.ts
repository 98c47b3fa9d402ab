import { InputError } from "../../src/errors.ts";
import { dataOf, typeOfTensor } from "../../src/graph/constants.ts";
import { called, type Node, type Scope } from "../../src/graph/graph.ts";
import type { WrittenBefore } from "../../src/graph/patch-contents.ts";
import { type DenseTensor, plainNode, type WrittenNode } from "../../src/onnx/new-node.ts";
import { type NodeRenaming, type Rewriter, UNCHANGED } from "../../src/onnx/renamed-nodes.ts";

/** The values of a body or function whose nodes are written into another scope. */
interface InnerValues {
  /** Names of values that a call passes in, and of those that are written already. */
  readonly given?: Iterable<readonly [inner: string, outer: string]>;
  /** New names of outputs; "" for an output that is absent. */
  readonly outputs: readonly (readonly [inner: string, outer: string])[];
  readonly makes: (name: string) => boolean;
  /** Returns a new name for a value; null for a value of the enclosing scope. */
  readonly rename: (name: string) => string | null;
}

/** What writes nodes into another scope, and the path that their new names begin with. */
interface InnerWriter {
  readonly rewriter: Rewriter<Node>;
  readonly fresh: (name: string) => string;
  readonly label: string;
}

/** The nodes and weights that bodies become in the main graph. */
export interface WrittenBodies extends Omit<InnerWriter, "label"> {
  readonly written: WrittenBefore[];
  readonly tensors: DenseTensor[];
}

/**
 * Encodes nodes for another scope: inputs have the names that are passed in, outputs those that are
 * requested, other values new ones. An output that no node makes under its new name is copied.
 */
export function innerNodes(
  nodes: readonly Node[],
  { rewriter, fresh, label }: InnerWriter,
  { given = [], outputs, makes, rename }: InnerValues,
  more: (place: NodeRenaming<Node>) => Partial<NodeRenaming<Node>> = () => ({}),
): WrittenNode[] {
  const names = new Map(given);
  const copied: (readonly [from: string, to: string])[] = [];
  for (const [inner, outer] of outputs)
    if (outer === "") continue;
    else if (makes(inner) && !names.has(inner)) names.set(inner, outer);
    else copied.push([inner, outer]);
  const value = (name: string): string => {
    if (name === "") return "";
    const known = names.get(name) ?? rename(name);
    if (known === null) return name;
    names.set(name, known);
    return known;
  };
  const node = (name: string) => (name === "" ? "" : fresh(`${label}/${name}`));
  const place: NodeRenaming<Node> = { ...UNCHANGED, value, node };
  Object.assign(place, more(place));
  return [
    ...nodes.flatMap((each) => place.unfold(each) ?? [rewriter.node(each, place)]),
    ...copied.map(([from, to]) => plainNode("Identity", [value(from)], [to])),
  ];
}

/** Writes the nodes of a body before the node that it belongs to, as `innerNodes`. */
export function writeBody(
  { written, rewriter, fresh }: WrittenBodies,
  body: Scope,
  values: Pick<InnerValues, "given" | "outputs">,
): void {
  const before = body.owner!;
  const label = called(before);
  const nodes = innerNodes(
    body.nodes,
    { rewriter, fresh, label },
    {
      ...values,
      makes: (name) => body.values.get(name)?.producer?.scope === body,
      rename: (name) => (body.values.get(name)?.scope === body ? fresh(`${label}/${name}`) : null),
    },
  );
  for (const node of nodes) written.push({ before, node });
}

/** Adds a body's weights to `tensors`; returns their new names. Refuses a sparse one. */
export function bodyWeights(
  { fresh, tensors }: WrittenBodies,
  body: Scope,
): ReadonlyMap<string, string> {
  const owner = called(body.owner!);
  const weights = [...body.values.values()].filter(({ initializer }) => initializer);
  return new Map(
    weights.map((weight) => {
      const [type, data] = [typeOfTensor(weight), dataOf(weight)];
      if (!type || !data)
        throw new InputError(
          `${owner}: the sparse weight ${weight.name} of its body is not supported; export it as a dense one.`,
        );
      const name = fresh(`${owner}/${weight.name}`);
      tensors.push({ name, dtype: type.dtype, dims: type.shape as readonly number[], data });
      return [weight.name, name];
    }),
  );
}
