import type { Node, Value } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { walk } from "../../src/graph/walk.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import { type ClassStep, classPasses } from "./class-passes.ts";
import type { LinearLayer } from "./linear-layer.ts";

/** Where the classes go between a layer and the outputs of the model. */
export interface ClassPath extends Pick<ClassStep, "entries" | "quantizers" | "lowered"> {
  /** Every value on the path that has an axis of classes, and that axis. */
  readonly axes: ReadonlyMap<Value, number>;
  /** Whether an output of the model is reached. */
  readonly reachesOutput: boolean;
}

/** A node on the path that does not take another number of classes, and why, as a clause. */
export interface ClassObstacle {
  readonly node: Node;
  readonly why: string;
}

/** Follows the classes that layers compute to the model's outputs. */
export function followClasses(
  known: KnownGraph,
  from: readonly Pick<LinearLayer, "output" | "outputAxis">[],
  sizes: ClassStep["sizes"],
): ClassPath | ClassObstacle {
  const start = from.map(({ output, outputAxis }) => [output, outputAxis] as const);
  const axes = new Map(start);
  let reached: (readonly [Value, number])[] = [];
  const found = { entries: [], quantizers: [], lowered: [] } satisfies Partial<ClassPath>;
  let reachesOutput = false;
  for (const [value, axis] of walk(
    start,
    () => reached,
    Infinity,
    ([value]) => value,
  )) {
    reached = [];
    reachesOutput ||= value.isOutput;
    for (const use of value.uses) {
      const { node } = use;
      const passes = node.scope === known.graph.main ? own(classPasses, node.op) : undefined;
      const next = passes?.({ ...known, ...found, axes, use, axis, sizes }) ?? null;
      if (!passes) return { node, why: "reads it" };
      if (typeof next === "string") return { node, why: next };
      const [output] = node.outputs;
      if (next !== null && output) {
        axes.set(output, next);
        reached.push([output, next]);
      }
      reachesOutput ||= next === null && node.outputs.some((each) => each?.isOutput);
    }
  }
  return { axes, ...found, reachesOutput };
}
