import { outputsOf, type Types, type Value } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { patchedFile } from "../graph/patch.ts";
import { allTensors } from "../onnx/all-tensors.ts";
import { type Dimension, elements, isFloat, type Type } from "../onnx/dtypes.ts";
import { bytesOfTensors } from "../onnx/external.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { plainNode } from "../onnx/new-node.ts";
import { runnable } from "../ort/loading.ts";
import { type Ort, runFor, type Tensors, withSession } from "../ort/session.ts";
import type { Sampled } from "../samples/attempts.ts";
import { sampleInputs } from "../samples/samples.ts";
import { checkSizes, makesHuge } from "./shape-lengths.ts";

/** Size in bytes of a model and its weights above which it is not run to measure sizes. */
const LARGEST = 1 << 28;

/** Number of elements of a value above which a model is not run on inputs of twice the size. */
const LARGEST_DOUBLED = 1 << 24;

/** Sizes of the requested values in a run, and of the free dimensions of its inputs. */
interface Run {
  readonly shapes: readonly (readonly number[])[];
  readonly dims: Readonly<Record<string, number>>;
}

/**
 * Measures the types of float values of the main graph whose sizes inference loses, in two runs on
 * sample inputs, the second with all free dimensions doubled. A size that stays is fixed, one that
 * follows a named dimension gets its name, any other is unknown. Returns none if every sum has its
 * sizes, or if the model or a value is too large, or if the model may run long or does not run.
 */
export async function measuredTypes(model: Sampled): Promise<ReadonlyMap<Value, Type>> {
  const { graph, types } = model;
  const { nodes } = graph.main;
  // A search examines the outputs of sums, and of what stacks the terms of one.
  const isExamined = (op: string) => op === "ConcatFromSequence" || hasFact(op, "sum");
  const wanted = nodes.some(
    ({ op, outputs: [sum] }) => isExamined(op) && sum && isLost(types, sum),
  );
  if (makesHuge(graph, (value) => types.get(value))) return new Map();
  const mayTakeLong = nodes.some(({ op }) => op === "Loop" || hasFact(op, "search"));
  if (!wanted || mayTakeLong) return new Map();
  if (bytesOfTensors(allTensors(graph.file)) > LARGEST) return new Map();
  const values = nodes.flatMap(outputsOf).filter((value) => isOpen(types, value));
  try {
    checkSizes(graph, types);
    const runs = await twoRuns(model, values);
    return new Map(
      values.flatMap((value, k) => {
        const shape = shapeOf(runs[0].shapes[k], runs[1].shapes[k], runs);
        return shape ? [[value, { ...types.get(value)!, shape }]] : [];
      }),
    );
  } catch (error) {
    if (error instanceof Error) return new Map();
    throw error;
  }
}

/** Whether a float value has no rank, or no size that could show its features. */
function isLost(types: Types, value: Value): boolean {
  const type = types.get(value);
  if (!type || !isFloat(type.dtype)) return false;
  return !type.shape?.some((dim) => typeof dim === "number" && dim > 1);
}

/** Whether a float value has no rank, or only unknown sizes. */
function isOpen(types: Types, value: Value): boolean {
  const type = types.get(value);
  return isFloat(type?.dtype) && (type?.shape?.length ? type.shape.includes("") : true);
}

/** Runs the model twice to measure shapes. Throws if it does not accept the doubled sizes. */
async function twoRuns(model: Sampled, values: readonly Value[]): Promise<readonly [Run, Run]> {
  return shapesInRuns(model.ort, model.graph.file, values, async (shapesOf) => {
    let shapes: Run["shapes"] = [];
    const run = async (feeds: Tensors) => {
      shapes = await shapesOf(feeds);
      return [];
    };
    const first = await sampleInputs(model, run, 1);
    if (shapes.some((shape) => elements(shape) > LARGEST_DOUBLED))
      throw new RangeError("values may grow with the square of a size");
    const before = { shapes, dims: first.dims };
    const doubled = Object.entries(first.dims).map(([name, size]) => [name, 2 * size]);
    const options = { dims: Object.fromEntries(doubled), seed: 1 };
    const second = await sampleInputs(model, run, 1, options);
    return [before, { shapes, dims: second.dims }] as const;
  });
}

/** Calls `work` with what runs a model on some inputs and gives the shapes of its main graph's values. */
export function shapesInRuns<T>(
  ort: Ort,
  file: ModelFile,
  values: readonly Value[],
  work: (shapesOf: (feeds: Tensors) => Promise<Run["shapes"]>) => Promise<T>,
): Promise<T> {
  const names = values.map((_, k) => `shape ${k} of a value`);
  const shapes = values.map(({ name }, k) => ({
    before: null,
    node: plainNode("Shape", [name], [names[k]]),
  }));
  const measuring = patchedFile(file, {
    // onnxruntime first runs what the last output needs: in this order it frees each value at once.
    nodes: shapes.reverse(),
    outputs: names.map((name) => ({ name, type: null })),
  });
  return withSession(ort, runnable(measuring), "disabled", (session) =>
    work(async (feeds) => {
      const got = await runFor(session, feeds, names);
      return names.map((name) => Array.from(got[name].data as BigInt64Array, Number));
    }),
  );
}

/** Returns a shape that fits both runs; null if they differ in rank. */
function shapeOf(
  first: readonly number[],
  second: readonly number[],
  [a, b]: readonly [Run, Run],
): Dimension[] | null {
  if (first.length !== second.length) return null;
  return first.map((size, axis) => {
    if (second[axis] === size) return size;
    const names = Object.keys(a.dims).filter(
      (name) => a.dims[name] === size && b.dims[name] === second[axis],
    );
    const named = names.length === 1 && !/^.*\.\d+$/.test(names[0]);
    return named ? names[0] : "";
  });
}
