import { InputError } from "../../src/errors.ts";
import { checkSizesOf, freeName } from "../../src/graph/bound.ts";
import { newBuilder } from "../../src/graph/builder.ts";
import type { Types } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { isFloat, showShape, type Type } from "../../src/onnx/dtypes.ts";
import type { Ort } from "../../src/ort/session.ts";
import { BATCH_SIZE, datasetOf } from "../finetune/batch-source.ts";
import { batches } from "../finetune/batches.ts";
import type { Dataset } from "../finetune/data-set.ts";
import type { Column } from "../finetune/data-set-rows.ts";
import { arraysOf } from "../finetune/fit-data.ts";
import { outputForLoss } from "../finetune/output-for-loss.ts";
import { sizesOf } from "../finetune/ports.ts";
import type { StepOptions } from "../finetune/step-options.ts";
import { axesOfOne } from "../finetune/sums-of-one.ts";
import type { LossTarget } from "../finetune/target-reading.ts";
import { type TrainedTerm, trainedTerms } from "../finetune/terms.ts";
import { specialize } from "../gradient/specialize.ts";
import { classAxisOf } from "../losses/loss.ts";
import type { ExportStepOptions } from "./export-options.ts";

/** How an array of the data becomes part of a batch. */
type ArrayShape = Pick<Column, "dtype" | "dims" | "axis">;

/** Returns the type of so many rows. */
export const typeOfRows = (
  { dtype, dims, axis = 0 }: ArrayShape,
  rows: number,
): Type & { readonly shape: readonly number[] } => ({
  dtype,
  shape: axis === null ? dims : dims.toSpliced(axis, 0, rows),
});

/** An array of the data, and the input of the graphs that it is fed to. */
export interface FedArray extends ArrayShape {
  readonly name: string;
  readonly array: string;
}

/** Everything that a batch brings, for batches of any size. */
export interface BatchShapes {
  /** Examples in a batch. */
  readonly rows: number;
  /** Whether all batches have this size: the model takes no others, or the loss compares their rows. */
  readonly fixed: boolean;
  readonly inputs: readonly FedArray[];
  /** The target, and whether a NaN in it is a value that does not count. */
  readonly target: FedArray & { readonly missing: boolean };
  /** Further arrays that options of the loss name, by option. */
  readonly arrays: Readonly<Record<string, FedArray>>;
  /** The types in a step of so many rows. */
  stepOf(rows: number): Pick<StepOptions, "inputs" | "arrays"> & { readonly target: LossTarget };
}

/**
 * Returns the types of a batch: from examples if some are given, otherwise from the model, the sizes
 * in `dims` and what the loss takes. Throws an InputError that names a free dimension without a size.
 */
export async function batchShapes(
  model: Model,
  options: ExportStepOptions,
  wanted: number | null,
): Promise<BatchShapes> {
  const [term] = trainedTerms(options);
  const array = term.target!;
  const { data, ort } = options;
  const targets = arraysOf(model, options);
  const opened = data === undefined ? null : await datasetOf(data, model, { ort, targets });
  if (data !== undefined && !opened)
    throw new TypeError("exportStep takes data as .npz files or a dataset.");
  try {
    const dataset = opened?.dataset ?? null;
    const { rows, fixed, shapes } = dataset
      ? readOfData(dataset, { ...options, wanted })
      : await readOfModel(model, { ...options, wanted }, term);
    const { fresh } = newBuilder(model.graph, "loss");
    const fed = (array: string, name = array): FedArray => ({ ...shapes(array), name, array });
    const inputs = model.graph.main.inputs.map(({ name }) => fed(name));
    const target = fed(array, fresh(array));
    const arrays = Object.entries(term.arrays).map(
      ([option, name]) => [option, fed(name, fresh(name))] as const,
    );
    const isInput = inputs.some(({ name }) => name === array);
    const sumsToOne = dataset ? sumsOf(dataset, term, options) : undefined;
    const typed = (of: FedArray, count: number) => ({ name: of.name, type: typeOfRows(of, count) });
    return {
      rows,
      fixed: fixed !== null || term.chosen.loss.comparesRows === true,
      inputs,
      target: { ...target, missing: targets[0].missing === true },
      arrays: Object.fromEntries(arrays),
      stepOf: (count) => ({
        inputs: Object.fromEntries(inputs.map((of) => [of.name, typeOfRows(of, count).shape])),
        target: { ...typed(target, count), isInput, ...(sumsToOne ? { sumsToOne } : {}) },
        arrays: Object.fromEntries(arrays.map(([option, of]) => [option, typed(of, count)])),
      }),
    };
  } finally {
    opened?.close();
  }
}

interface Read {
  readonly rows: number;
  readonly fixed: number | null;
  readonly shapes: (array: string) => ArrayShape;
}

type Asked = ExportStepOptions & { readonly wanted: number | null };

function checkRows(rows: number, fixed: number | null): void {
  if (fixed !== null && rows !== fixed)
    throw new InputError(
      `the model only takes batches of ${fixed}, but --batch-size is ${rows}; leave it out.`,
    );
}

function readOfData(dataset: Dataset, { wanted, dims }: Asked): Read {
  if (dims && Object.keys(dims).length > 0)
    throw new InputError("--dim and --data both state sizes; give one of them.");
  const rows = wanted ?? dataset.batchSize ?? BATCH_SIZE;
  checkRows(rows, dataset.batchSize);
  const shapes = (array: string) => dataset.columns.find(({ name }) => name === array)!;
  return { rows, fixed: dataset.batchSize, shapes };
}

async function readOfModel(
  model: Model,
  { ort, dims = {}, wanted }: Asked,
  term: TrainedTerm,
): Promise<Read> {
  const { types } = await typesOf(model, ort);
  const { shapes, fixed } = shapesOfInputs(model, types, dims);
  const rows = wanted ?? fixed ?? BATCH_SIZE;
  checkRows(rows, fixed);
  const sized = Object.entries(shapes).map(([name, each]) => [name, typeOfRows(each, rows).shape]);
  const sizes = () => sizesOf(model.graph, types, Object.fromEntries(sized));
  const target = own(shapes, term.target!) ?? (await targetShape(model, ort, term, sizes));
  return {
    rows,
    fixed,
    shapes: (array) => {
      const known = own(shapes, array) ?? (array === term.target ? target : undefined);
      if (known) return known;
      throw new InputError(`the shape of ${array} is not known; give examples with --data.`);
    },
  };
}

/** The axes along which all sums of the target are 1, in some of the examples. */
function sumsOf(dataset: Dataset, { chosen, target }: TrainedTerm, { ort }: ExportStepOptions) {
  const batchSize = dataset.batchSize ?? Math.min(dataset.rows, BATCH_SIZE);
  const [first] = batches(dataset, { ort, batchSize });
  return axesOfOne(chosen, first[target!]);
}

/** How the target of a loss is read if no examples are given: as labels, or as the output's type. */
async function targetShape(
  model: Model,
  ort: Ort,
  { chosen, output }: TrainedTerm,
  sizesOfBatch: () => Record<string, number>,
): Promise<ArrayShape> {
  if (chosen.loss.fit)
    throw new InputError(
      `the target of ${chosen.loss.name} has a shape of its own; give examples with --data.`,
    );
  const fixed = await specialize(model, ort, { dims: sizesOfBatch(), free: [] });
  const asked = { reads: chosen.reads, target: null };
  const { value } = outputForLoss(fixed.model.graph, fixed.types, output, asked);
  const type: Type | undefined = fixed.types.get(value);
  const sizes = type?.shape?.filter((size) => typeof size === "number");
  if (!type || sizes?.length !== type.shape?.length || !sizes?.length)
    throw new InputError(
      `the shape of output ${value.name} is not known; give examples with --data.`,
    );
  const dtype = isFloat(type.dtype) ? "float" : type.dtype;
  if (chosen.reads !== "classes") return { dtype, dims: sizes.slice(1) };
  const axis = classAxisOf(sizes.length, chosen.options);
  return { dtype: "int64", dims: sizes.toSpliced(axis, 1).slice(1) };
}

/**
 * Returns how each of the model's inputs is read if no examples are given: the first axis is that of
 * the examples, and `sizes` has those of the others. Also returns the batch size that the model fixes.
 */
function shapesOfInputs(
  model: Model,
  types: Types,
  sizes: Readonly<Record<string, number>>,
): { readonly shapes: Readonly<Record<string, ArrayShape>>; readonly fixed: number | null } {
  let fixed: number | null = null;
  const named = new Set<string>();
  const shapes = model.graph.main.inputs.map((input) => {
    const type = types.get(input);
    if (!type?.shape)
      throw new InputError(
        `the shape of input ${input.name} of ${model.source.name} is not known; give examples with --data.`,
      );
    const { dtype, shape } = type;
    if (shape.length === 0) return [input.name, { dtype, dims: [], axis: null }] as const;
    const [batch, ...others] = shape;
    if (typeof batch === "number") fixed = batch;
    const dims = others.map((dim, k) => {
      if (typeof dim === "number") return dim;
      const name = freeName(input.name, k + 1, dim);
      named.add(name);
      if (Object.hasOwn(sizes, name)) return sizes[name];
      throw new InputError(
        `input ${input.name} ${showShape(shape)} has the free dimension ${name}; give its size, --dim ${name}=…, or examples with --data.`,
      );
    });
    return [input.name, { dtype, dims }] as const;
  });
  checkSizesOf(model.file, named, sizes, 1);
  return { shapes: Object.fromEntries(shapes), fixed };
}
