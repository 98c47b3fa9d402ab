import { tensorData } from "../../src/graph/constants.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { uniform } from "../../src/graph/random.ts";
import { decodeNumbers } from "../../src/graph/tensor.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { InsertedSite } from "../laurelize/insert.ts";

/** Values of the new tensors, by name. */
export type Values = ReadonlyMap<string, Float64Array>;

/** Returns the new tensors of sites; those that several share occur once. */
export const newTensors = (sites: readonly InsertedSite[]): DenseTensor[] => [
  ...new Set(sites.flatMap(({ parameters }) => Object.values(parameters))),
];

/** Returns the values that new tensors have in a graph. */
export const valuesIn = (graph: Graph, tensors: readonly DenseTensor[]): Values =>
  new Map(tensors.map(({ name, dtype }) => [name, decodeNumbers(dtype, tensorData(graph, name))]));

/** A displacement: its size, and the seed and round that give its random direction. */
interface Displacement {
  readonly seed: number;
  readonly round: string;
  readonly scale: number;
}

/** Returns values with tensors displaced, each number by (1 to 2) · scale / √n, n the longest axis. */
export const displaced = (
  from: Values,
  tensors: readonly DenseTensor[],
  by: Displacement,
): Values =>
  new Map([...from, ...tensors.map((each) => [each.name, displacedOne(from, each, by)] as const)]);

/** Returns the values of one displaced tensor. */
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
