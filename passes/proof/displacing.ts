import { tensorData } from "../../src/graph/constants.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { uniform } from "../../src/graph/random.ts";
import { decodeNumbers } from "../../src/graph/tensor.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { InsertedSite } from "../laurelize/insert.ts";

/** Values of the new tensors, by name. */
export type Values = ReadonlyMap<string, Float64Array>;

/** The new tensors of sites, those that several share once. */
export const newTensors = (sites: readonly InsertedSite[]): DenseTensor[] => [
  ...new Set(sites.flatMap(({ parameters }) => Object.values(parameters))),
];

/** The values that new tensors have in a graph. */
export const valuesIn = (graph: Graph, tensors: readonly DenseTensor[]): Values =>
  new Map(tensors.map(({ name, dtype }) => [name, decodeNumbers(dtype, tensorData(graph, name))]));

/** How tensors are displaced: in random directions that the seed and the round give, this far. */
interface Displacement {
  readonly seed: number;
  readonly round: string;
  readonly scale: number;
}

/** Moves tensors by about 1/√n, n the longest axis, which half precision and 8 bits keep. */
export const displaced = (
  from: Values,
  tensors: readonly DenseTensor[],
  by: Displacement,
): Values =>
  new Map([...from, ...tensors.map((each) => [each.name, displacedOne(from, each, by)] as const)]);

/** Moves one tensor. */
export function displacedOne(
  from: Values,
  { name, dims }: DenseTensor,
  { seed, round, scale }: Displacement,
): Float64Array {
  const next = uniform(seed, `${name} ${round}`);
  const step = scale / Math.sqrt(Math.max(1, ...dims));
  const values = from.get(name)!.slice();
  for (let k = 0; k < values.length; k++) {
    const random = 2 * next() - 1;
    values[k] += step * (random + Math.sign(random));
  }
  return values;
}
