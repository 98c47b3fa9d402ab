import { InputError } from "../../src/errors.ts";
import { writing } from "../../src/graph/builder.ts";
import { isFloat, type Types } from "../../src/graph/types.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { showShape, type Type } from "../../src/onnx/shape.ts";
import { batchSizeOf, datasetOf } from "../finetune/batch-source.ts";
import { batches } from "../finetune/batches.ts";
import { arraysOf } from "../finetune/fit-data.ts";
import { outputForLoss } from "../finetune/output-for-loss.ts";
import { sizesOf } from "../finetune/ports.ts";
import { axesOfOne } from "../finetune/target-of.ts";
import type { LossTarget } from "../finetune/target-reading.ts";
import { specialize } from "../gradient/specialize.ts";
import { lossOf } from "../losses/index.ts";
import { classAxisOf } from "../losses/loss.ts";
import type { ExportStepOptions } from "./export-options.ts";

/** Types of the model's inputs and of the target, for batches of any size. */
export interface BatchShapes {
  /** Examples in a batch. */
  readonly rows: number;
  /** Whether the model takes batches of this size alone. */
  readonly fixed: boolean;
  /** Whether a NaN of the target is a value that does not count. */
  readonly missing: boolean;
  /** The model's inputs for so many rows. */
  inputs(rows: number): Record<string, Type & { readonly shape: readonly number[] }>;
  /** The target for so many rows. */
  target(rows: number): Promise<LossTarget>;
}

/** Rows of a batch if nobody says otherwise. */
const ROWS = 32;

/**
 * Returns the types of a batch: from examples if some are given, otherwise from the model, the sizes
 * in `dims` and what the loss takes. Throws an InputError that names a free dimension without a size.
 */
export async function batchShapes(
  model: Model,
  options: ExportStepOptions,
  wanted: number | null,
): Promise<BatchShapes> {
  const { target, data, ort } = options;
  if (target === undefined)
    throw new InputError("a step needs a target: the name of an array of the data (--target).");
  const port = writing(model.graph, "loss").fresh(target);
  const isInput = model.graph.main.inputs.some(({ name }) => name === target);
  const { types } = await typesOf(model, ort);
  const opened =
    data === undefined
      ? null
      : await datasetOf(data, model, { ort, targets: arraysOf(model, options) });
  if (data !== undefined && !opened)
    throw new TypeError("exportStep takes data as .npz files or a dataset.");
  try {
    const given = opened ? rowsOf(opened.dataset, options) : null;
    const sizes = given?.sizes ?? options.dims ?? {};
    const { shapes, fixed } = inputShapes(model, types, sizes);
    const rows = opened ? batchSizeOf(opened.dataset, wanted) : (wanted ?? fixed ?? ROWS);
    if (fixed !== null && rows !== fixed)
      throw new InputError(
        `the model takes batches of ${fixed} and no others, and ${rows} is asked for; leave --batch-size out.`,
      );
    const inputs = (count: number) =>
      Object.fromEntries(
        Object.entries(shapes).map(([name, { dtype, row }]) => [
          name,
          { dtype, shape: [count, ...row] },
        ]),
      );
    const ofData = (count: number): LossTarget => ({
      name: port,
      type: { dtype: given!.target.dtype, shape: [count, ...given!.target.dims] },
      isInput,
      sumsToOne: given!.sumsToOne,
    });
    return {
      rows,
      fixed: fixed !== null,
      missing: arraysOf(model, options)[0].missing === true,
      inputs,
      target: async (count) =>
        given
          ? ofData(count)
          : { name: port, isInput, type: await targetType(model, options, inputs(count)) },
    };
  } finally {
    if (opened?.isOwn) opened.dataset.close();
  }
}

type Opened = NonNullable<Awaited<ReturnType<typeof datasetOf>>>["dataset"];

/** What examples show: sizes, and the target's type, shape and sums. */
function rowsOf(dataset: Opened, { ort, loss, lossOptions, target }: ExportStepOptions) {
  const column = dataset.columns.find(({ name }) => name === target)!;
  const size = dataset.batchSize ?? Math.min(dataset.rows, ROWS);
  const [first] = batches(dataset, { ort, batchSize: size });
  return {
    sizes: dataset.sizes(size),
    target: { dtype: column.dtype, dims: column.dims },
    sumsToOne: axesOfOne(lossOf(loss, lossOptions), first[target!]),
  };
}

/** Type and shape of a row of each input, and the batch size that the model fixes. */
function inputShapes(model: Model, types: Types, sizes: Readonly<Record<string, number>>) {
  let fixed: number | null = null;
  const used = new Set<string>();
  const shapes = model.graph.main.inputs.map((input) => {
    const type = types.get(input);
    if (!type?.shape || type.shape.length === 0)
      throw new InputError(
        `input ${input.name} of ${model.source.name} is ${type?.dtype ?? "of unknown type"} ${showShape(type?.shape ?? null)}, and needs a first dimension for the examples.`,
      );
    const [batch, ...others] = type.shape;
    if (typeof batch === "number") fixed = batch;
    const row = others.map((dim, k) => {
      if (typeof dim === "number") return dim;
      const name = dim || `${input.name}.${k + 1}`;
      used.add(name);
      if (Object.hasOwn(sizes, name)) return sizes[name];
      throw new InputError(
        `input ${input.name} ${showShape(type.shape)} has the free dimension ${name}; give its size, --dim ${name}=…, or examples with --data.`,
      );
    });
    return [input.name, { dtype: type.dtype, row }] as const;
  });
  return { shapes: Object.fromEntries(shapes), fixed };
}

/** The type of the target that a loss takes if no examples are given: labels, or the output's type. */
async function targetType(
  model: Model,
  options: ExportStepOptions,
  inputs: ReturnType<BatchShapes["inputs"]>,
): Promise<Type> {
  const { ort, loss, lossOptions, output, target } = options;
  if (Object.hasOwn(inputs, target!)) return inputs[target!];
  const { types } = await typesOf(model, ort);
  const dims = sizesOf(
    model.graph,
    types,
    Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape])),
  );
  const fixed = await specialize(model, ort, { dims, free: [] });
  const chosen = lossOf(loss, lossOptions);
  if (chosen.loss.fit)
    throw new InputError(
      `the target of ${chosen.loss.name} has a shape of its own; give examples with --data.`,
    );
  const { value } = outputForLoss(fixed.model.graph, fixed.types, output ?? null, {
    reads: chosen.reads,
    target: null,
  });
  const type = fixed.types.get(value);
  if (!type?.shape)
    throw new InputError(`the shape of output ${value.name} is not known; give --data.`);
  if (chosen.reads !== "classes")
    return isFloat(type.dtype) ? { dtype: "float", shape: type.shape } : type;
  const axis = classAxisOf(type.shape.length, chosen.options);
  return { dtype: "int64", shape: type.shape.toSpliced(axis, 1) };
}
