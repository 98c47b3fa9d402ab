import { freeMemory } from "#node";
import { scratch } from "#node-data";
import { checkFrom, checkGiven, checkModel, object } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { outputsOf, typeOfInfo, type Value } from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { walk } from "../../src/graph/walk.ts";
import type { Model } from "../../src/model.ts";
import { isFloat, isWhole } from "../../src/onnx/dtypes.ts";
import { type Declared, pickOptions, shown } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import { digestOf } from "./array-file.ts";
import { type ArrayReading, type Dataset, type OpenedDataset, readDataset } from "./data-set.ts";
import type { Expected } from "./expected.ts";
import { axisOfBatch, movesBatch } from "./moves-batch.ts";
import { type DataFrom, openFiles } from "./open-files.ts";
import { pixelOptions } from "./pixels.ts";
import { type BatchAxes, type Doubt, PlacementError } from "./placement.ts";
import { type FolderOptions, reading } from "./reading-options.ts";

/** An array that outputs are compared with, and what type and shape it must have, if that matters. */
export type Target = Pick<Expected, "name"> & Partial<Omit<Expected, "name" | "role">>;

/** How the files of a dataset are read. */
export interface DatasetOptions extends ArrayReading, FolderOptions {
  /** Arrays that outputs are compared with. */
  readonly targets?: readonly (string | Target)[] | undefined;
  /** onnxruntime, which shows whether an input's first dimension is that of the batch. */
  readonly ort?: Ort | undefined;
}

const datasetOptions: Declared<DatasetOptions> = {
  targets: {},
  ort: object,
  ...reading,
  classNames: object,
};

function checkTargets(targets: unknown): void {
  const isTarget = (each: unknown) => typeof (each as Target | null)?.name === "string";
  const fit = (each: unknown) => typeof each === "string" || isTarget(each);
  if (!Array.isArray(targets) || !targets.every(fit))
    throw new TypeError(
      `option targets of openDataset must be an array of names; it is ${shown(targets)}.`,
    );
}

/**
 * Reads the examples that a model is trained or evaluated on. One or more files are read as one. A
 * file is an .npz, .csv, .tsv or .jsonl. A folder holds a folder of images for each class, or .npz
 * files, which are read in the order of their names. Each has one array for each input of the
 * model, by its name, and one for each target. The axis that counts the examples is found from the
 * model's dimension names and the sizes; an array without one holds one value for all of them.
 * Floats are cast to the type that the model takes, integers too if no value is lost, and `notes`
 * says so. Rows that do not fit into half of the free memory are read from their files as batches
 * need them: `close` the dataset when it is no longer needed. Throws an InputError if an array is
 * missing, has another type or shape than the model takes (before any value is read), or holds a
 * NaN that the model does not ask for.
 */
export async function openDataset(
  from: DataFrom | readonly DataFrom[],
  model: Model,
  options: DatasetOptions = {},
): Promise<Dataset> {
  checkModel("openDataset", model);
  const { ort: _, ...withoutOrt } = datasetOptions;
  checkGiven("openDataset", options, options?.ort === undefined ? withoutOrt : datasetOptions);
  checkTargets(options.targets ?? []);
  const { targets = [], batchAxis = {}, ort } = options;
  const pixels = pickOptions(options, pixelOptions);
  const expected = [...inputsOf(model), ...targets.map(expectedTarget)];
  const places = ([] as readonly DataFrom[]).concat(from);
  for (const place of places) checkFrom("openDataset", place);
  const files = await openFiles(places, expected, options);
  try {
    const keeping = { free: freeMemory(), scratch };
    const read = (stated: BatchAxes) =>
      readDataset(files, expected, keeping, { ...pixels, batchAxis: stated });
    const dataset = await readTwice(read, batchAxis, async ({ input, axes, batch }) => {
      if (!ort || expected.length < 3) return undefined;
      if (axes) return (await axisOfBatch(model, { input, axes, batch }, ort)) ?? undefined;
      return (await movesBatch(model, input, ort)) ? undefined : null;
    });
    const digest = async () => digestOf(await Promise.all(files.map((file) => file.digest())));
    return { ...dataset, digest };
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

/** Returns the arrays for a model's inputs. Throws an InputError if one takes text. */
function inputsOf({ file, graph, source }: Model): Expected[] {
  const infos = new Map(file.graph.inputs.map((info) => [info.name, typeOfInfo(info)]));
  return graph.main.inputs.map((input): Expected => {
    const { name } = input;
    const { dtype = null, shape = null } = infos.get(name) ?? {};
    if (dtype !== null && !isWhole(dtype) && !isFloat(dtype))
      throw new InputError(
        `${source.name} takes ${dtype} as input ${name}, which data files cannot contain; train the part of the model that begins with numbers.`,
      );
    return { name, role: "input", dtype, shape, missing: tellsNaN(input) };
  });
}

/** Whether an IsNaN reads an input, so that the model takes missing values. */
function tellsNaN(input: Value): boolean {
  const moved = walk([input], ({ uses }) =>
    uses.flatMap(({ node }) => (hasFact(node.op, "layout") ? outputsOf(node) : [])),
  );
  return [...moved].some(({ uses }) => uses.some(({ node }) => node.op === "IsNaN"));
}

function expectedTarget(target: string | Target): Expected {
  const given: Target = typeof target === "string" ? { name: target } : target;
  const { dtype = null, shape = null } = given;
  return { ...given, role: "target", dtype, shape };
}

/** Reads a dataset, and again if inference shows the batch axis of an input. */
async function readTwice(
  read: (stated: BatchAxes) => OpenedDataset,
  stated: BatchAxes,
  axisOf: (doubt: Doubt) => Promise<number | null | undefined>,
): Promise<OpenedDataset> {
  try {
    return read(stated);
  } catch (error) {
    if (!(error instanceof PlacementError)) throw error;
    const axis = await axisOf(error.doubt);
    if (axis === undefined) throw error;
    return readTwice(read, { ...stated, [error.doubt.input]: axis }, axisOf);
  }
}
