import { constants, tensorOf } from "../../src/graph/constants.ts";
import type { Graph, Types, Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { dataTypeNamed, elements } from "../../src/onnx/dtypes.ts";
import { byteLength } from "../../src/onnx/external.ts";
import type { Ort } from "../../src/ort/session.ts";

/** What one rank needs in bytes, without its program. */
export interface StepMemory {
  /** Frozen weights, as they are stored; ranks of one machine share the file's pages. */
  readonly frozen: number;
  /** What onnxruntime keeps of them in another form: packed for its kernels, or computed at load. */
  readonly prepared: number;
  /** Values of one batch that are needed at one time, at most. */
  readonly batch: number;
  /** Trained weights, state, their gradients and the vector. */
  readonly trained: number;
}

interface MemoryOf {
  readonly gradients: Model;
  readonly ort: Ort;
  /** Numbers of trained weights and of state, and the length of the vector. */
  readonly state: number;
  readonly vector: number;
}

/** Adds up what a rank needs for one batch, from the sizes of all values. Runs and loads nothing. */
export async function stepMemory({ gradients, ort, state, vector }: MemoryOf): Promise<StepMemory> {
  const { graph } = gradients;
  const { types } = await typesOf(gradients, ort);
  const fixed = constants(graph);
  let [frozen, prepared] = [0, 0];
  for (const value of graph.main.values.values()) {
    const tensor = tensorOf(value);
    if (tensor) {
      const bytes = byteLength(tensor) ?? 0;
      frozen += bytes;
      if (packs(value)) prepared += bytes;
    } else if (fixed.has(value) && value.uses.some(({ node }) => !isFixed(fixed, node.outputs)))
      prepared += bytesOf(types, value);
  }
  return {
    frozen,
    prepared,
    batch: peak(graph, types, fixed),
    trained: 4 * (2 * state + 3 * vector),
  };
}

const isFixed = (fixed: ReadonlySet<Value>, outputs: readonly (Value | null)[]) =>
  outputs.every((value) => value === null || fixed.has(value));

/** Whether a kernel keeps a weight in a layout of its own. */
const packs = ({ uses }: Value) =>
  uses.some(({ node, index }) => index === 1 && hasFact(node.op, "product"));

const bytesOf = (types: Types, value: Value): number => {
  const type = types.get(value);
  const sizes = type?.shape?.map((size) => (typeof size === "number" ? size : 1));
  return sizes ? (elements(sizes) * (dataTypeNamed(type!.dtype)?.bits ?? 32)) / 8 : 0;
};

/**
 * The most bytes of values that are alive at one time, node by node. A value takes the place of an
 * input of its size that nothing reads any more.
 */
function peak({ main }: Graph, types: Types, fixed: ReadonlySet<Value>): number {
  const left = new Map<Value, number>();
  for (const value of main.values.values()) left.set(value, value.uses.length);
  let [alive, most] = [0, 0];
  for (const { inputs, outputs } of main.nodes) {
    const computed = outputs.filter((value): value is Value => value !== null && !fixed.has(value));
    if (computed.length === 0) continue;
    const needed = computed.reduce((sum, value) => sum + bytesOf(types, value), 0);
    const dead = [...new Set(inputs)].filter((value): value is Value => {
      if (!value?.producer || fixed.has(value)) return false;
      const reads = inputs.filter((input) => input === value).length;
      left.set(value, left.get(value)! - reads);
      return left.get(value)! <= 0 && !value.isOutput;
    });
    const reused = dead.some((value) => bytesOf(types, value) === needed) ? needed : 0;
    most = Math.max(most, alive + needed - reused);
    alive += needed - dead.reduce((sum, value) => sum + bytesOf(types, value), 0);
    for (const value of computed)
      if (value.uses.length === 0 && !value.isOutput) alive -= bytesOf(types, value);
  }
  return most;
}
