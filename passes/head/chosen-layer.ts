import { InputError } from "../../src/errors.ts";
import { called, type Graph, type Node, titleOf } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { productsOf, walk } from "../../src/graph/walk.ts";
import { nearest } from "../../src/nearest.ts";
import { matcher } from "../residuals/glob.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import { type ClassObstacle, type ClassPath, followClasses } from "./follow-classes.ts";
import { type LinearLayer, linearLayers, namesOf, sourceOfWeight } from "./linear-layer.ts";

/** A layer, and the path of its classes or what blocks it. */
interface Traced {
  readonly layer: LinearLayer;
  /** Layers whose classes are added to its own: they get as many. */
  readonly partners: readonly LinearLayer[];
  readonly path: ClassPath | ClassObstacle;
}

/** A layer, and where its classes go. */
export interface ChosenLayer extends Traced {
  readonly path: ClassPath;
}

const LISTED = 5;

/** Returns the last linear layer of a name. Throws an InputError unless exactly one is found. */
export function chosenLayer(known: KnownGraph, name: string, classes: number): ChosenLayer {
  const { graph } = known;
  const file = graph.file.source.name;
  const layers = linearLayers(known).map((layer) => traced(known, [layer], classes));
  const glob = matcher([name])!;
  const exact = layers.filter(({ layer }) => namesOf(graph, layer).includes(name));
  const named =
    exact.length > 0
      ? exact
      : layers.filter(({ layer }) =>
          namesOf(graph, layer).some((each) => glob(each) || isWithin(each, name)),
        );
  const last = named.filter(isLast);
  if (last.length === 1) return untied(graph, last[0]);
  if (last.length > 1)
    throw new InputError(
      `--new-head ${name} matches ${last.length} last layers of ${file}: ${shown(graph, last)}; name one of them.`,
    );
  if (named.length === 0) throw unknown(graph, name, layers);
  const joined = joinedLayers(known, named.at(-1)!, layers, classes);
  if (joined) return untied(graph, joined);
  throw blocked(graph, named.at(-1)!, layers);
}

/** Returns the layer of a model in which it was written in floats. */
export function restatedLayer(
  known: KnownGraph,
  isLayer: (layer: LinearLayer) => boolean,
  classes: number,
): ChosenLayer {
  const layer = linearLayers(known).find(isLayer);
  const chosen = layer && traced(known, [layer], classes);
  if (!chosen) throw new Error("the layer is not found in floats");
  if (!isLast(chosen)) throw blocked(known.graph, chosen, [chosen]);
  return chosen;
}

function traced(known: KnownGraph, layers: readonly LinearLayer[], classes: number): Traced {
  const [layer, ...partners] = layers;
  const sizes = { before: layer.outputs, after: classes };
  return { layer, partners, path: followClasses(known, layers, sizes) };
}

/** A layer with those whose classes are added to its own, as of a distilled model; null if it has none. */
function joinedLayers(
  known: KnownGraph,
  { layer, path }: Traced,
  layers: readonly Traced[],
  classes: number,
): ChosenLayer | null {
  const isJoined = (other: Traced) =>
    "node" in path && "node" in other.path && other.path.node === path.node;
  const partners = layers
    .filter((other) => isJoined(other) && other.layer.outputs === layer.outputs)
    .map((other) => other.layer)
    .filter((other) => other !== layer);
  if (partners.length === 0 || [layer, ...partners].some(({ lowered }) => lowered)) return null;
  const chosen = traced(known, [layer, ...partners], classes);
  return isLast(chosen) ? chosen : null;
}

/** Throws an InputError if an embedding reads the weight of the layer. */
function untied(graph: Graph, chosen: ChosenLayer): ChosenLayer {
  const { layer } = chosen;
  const source = sourceOfWeight(layer.weight);
  const embedding = source.uses.find(({ node }) => hasFact(node.op, "lookup"));
  if (!embedding) return chosen;
  throw new InputError(
    `${namesOf(graph, layer)[0]} of ${graph.file.source.name} shares its weight ${source.name} with an embedding (${titleOf(embedding.node)}), so another number of classes would untie them; untie them in the code that exports the model, or train the weight that it has (--train '${source.name}').`,
  );
}

const isLast = (one: Traced): one is ChosenLayer => "axes" in one.path && one.path.reachesOutput;

/** Whether a dotted name begins or ends with the parts of another. */
const isWithin = (name: string, part: string) =>
  name.startsWith(`${part}.`) || name.endsWith(`.${part}`) || name.endsWith(`/${part}`);

const shown = (graph: Graph, layers: readonly Traced[]) =>
  layers
    .slice(0, LISTED)
    .map(
      ({ layer }) => `${namesOf(graph, layer)[0]} (${layer.node.op} with ${layer.outputs} outputs)`,
    )
    .join(", ");

/** Whether a name is that of a node, of a weight that it reads, or of their module. */
const goesBy = (node: Node, name: string) =>
  [called(node), ...node.inputs.flatMap((input) => (input?.initializer ? input.name : []))].some(
    (own) => own === name || isWithin(own, name),
  );

function unknown(graph: Graph, name: string, layers: readonly Traced[]): InputError {
  const file = graph.file.source.name;
  const last = layers.filter(isLast);
  const other = graph.main.nodes.find((node) => goesBy(node, name));
  if (other && !layers.some(({ layer }) => layer.node === other))
    return new InputError(
      `--new-head ${name}: ${titleOf(other)} of ${file} cannot be replaced; only a Gemm, a MatMul or a Conv of one group can, if its second input is a constant weight.`,
    );
  if (layers.length === 0)
    return new InputError(
      `--new-head ${name}: ${file} has no Gemm, MatMul or Conv with float weights of its own to replace.`,
    );
  const near = nearest(
    name,
    last.flatMap(({ layer }) => namesOf(graph, layer)),
  );
  return new InputError(
    `--new-head ${name} does not match a linear layer of ${file}; ${
      near !== undefined
        ? `did you mean ${near}?`
        : last.length > 0
          ? `its last ones are ${shown(graph, last)}.`
          : `it has ${shown(graph, layers.slice(-LISTED))}, none of which leads only to an output.`
    }`,
  );
}

function blocked(graph: Graph, { layer, path }: Traced, layers: readonly Traced[]): InputError {
  const file = graph.file.source.name;
  const [title] = namesOf(graph, layer);
  if (!("node" in path))
    return new InputError(`no output of ${file} is computed from ${title}; name another layer.`);
  const { node, why } = path;
  const next = layers.find((other) => other.layer.node === node);
  const after = new Set(walk([layer.output], productsOf));
  const last = layers.filter((other) => isLast(other) && after.has(other.layer.output));
  return new InputError(
    `${title} of ${file} cannot get another number of classes: ${node.op} ${called(node)} behind it ${why}; ${
      last.length > 0
        ? `the last layer is ${shown(graph, last)}.`
        : next
          ? `name ${namesOf(graph, next.layer)[0]}, which comes later.`
          : "give a model whose last linear layer is followed only by activations and reshapes."
    }`,
  );
}
