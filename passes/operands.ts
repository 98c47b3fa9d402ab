import type { Graph } from "../src/graph/graph.ts";
import type { Types } from "../src/graph/types.ts";
import { runnable, withOutputs } from "../src/runtime/runnable.ts";
import { runAll } from "../src/runtime/same-function.ts";
import type { Ort, Tensors } from "../src/runtime/session.ts";
import type { Augmented } from "./augment.ts";
import { operandsOf } from "./site-nodes.ts";

/** Elements of operands that are held at once. */
const HELD = 1 << 26;
/** What a dimension of which nothing is known is taken for. */
const UNKNOWN_DIM = 64;

/** Names of the values that the sites' inserted nodes read. */
export const operandNames = (sites: readonly Augmented[]): string[] => [
  ...new Set(sites.flatMap(operandsOf).map(({ name }) => name)),
];

/** Sizes of the free dimensions in a model's inputs, by name, as these inputs have them. */
export function sizesIn({ main }: Graph, types: Types, feeds: Tensors): Record<string, number> {
  const sized = main.inputs.flatMap((input) =>
    (types.get(input)?.shape ?? []).map(
      (dim, axis) => [dim, feeds[input.name].dims[axis]] as const,
    ),
  );
  return Object.fromEntries(sized.filter(([dim]) => typeof dim === "string" && dim !== ""));
}

/** Sites in groups whose operands fit in memory together, free dimensions having these sizes. */
export function batches(
  sites: readonly Augmented[],
  sizes: Readonly<Record<string, number>>,
): Augmented[][] {
  const groups: Augmented[][] = [];
  let room = 0;
  for (const augmented of sites) {
    const sized = augmented.site.shape
      .map((dim) => (typeof dim === "number" ? dim : (sizes[dim] ?? UNKNOWN_DIM)))
      .reduce((a, b) => a * b, 1);
    const need = sized * operandNames([augmented]).length;
    if (groups.length === 0 || need > room) {
      groups.push([]);
      room = HELD;
    }
    groups.at(-1)!.push(augmented);
    room -= need;
  }
  return groups;
}

/** What the sites' inserted nodes read, in a real run with optimisations disabled, beside the feeds. */
export async function capture(
  ort: Ort,
  file: Graph["file"],
  sites: readonly Augmented[],
  feeds: Tensors,
): Promise<Tensors> {
  const tapped = withOutputs(file, operandNames(sites));
  const [tensors] = await runAll(ort, runnable(tapped), "disabled", [feeds]);
  return { ...feeds, ...tensors };
}
