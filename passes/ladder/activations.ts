import type { Tensor } from "onnxruntime-common";
import { checkGiven, type WithOrt, withOrt } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import type { Value } from "../../src/graph/graph.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { hasTensors } from "../../src/onnx/dtypes.ts";
import { abortable, stepper, unlessAborted, type Watching } from "../../src/ort/abortable.ts";
import { exposeInner } from "../../src/ort/expose.ts";
import { runnable } from "../../src/ort/loading.ts";
import { reason } from "../../src/ort/messages.ts";
import { type Ort, runFor, type Tensors, withSession } from "../../src/ort/session.ts";
import { toFloat64 } from "../../src/ort/tensors.ts";
import { type RunOptions, runOptions, sampleInputs } from "../../src/samples/samples.ts";
import type { FoundResiduals } from "../laurelize/search.ts";
import type { Site } from "../residuals/residual.ts";
import { checkFound, insertedInto, plainOperands } from "./operands.ts";

/** ‖x‖ and ‖f‖ of a site: Euclidean norms over all elements, on one set of inputs. */
export interface NormsOfSite {
  readonly skip: number;
  readonly branch: number;
}

/**
 * Measures ‖x‖ and ‖f‖ at each site of `findResiduals`, by its name, in one run without
 * optimizations, on random inputs or on the first set of `feeds`. Leaves out a site in a body that
 * does not run, or whose values onnxruntime does not give out. Throws an InputError if the model
 * runs on none of the sample inputs.
 */
export async function measureNorms(
  found: FoundResiduals,
  options: WithOrt & RunOptions,
): Promise<ReadonlyMap<string, NormsOfSite>> {
  checkFound("measureNorms", found);
  checkGiven("measureNorms", options, { ...withOrt, ...runOptions });
  const { ort: given, feeds, dims, seed, signal, onProgress } = options;
  const step = stepper({ signal, onProgress });
  const ort = abortable(given, signal);
  const { model } = found.lowered;
  const all = found.sites.filter(({ dtype }) => hasTensors(dtype));
  step(0, "measuring skips and branches");
  const measured = (sites: readonly Site[]) => measuredAt(ort, model, sites, { feeds, dims, seed });
  const inMain = all.filter(({ scope }) => scope.kind === "main");
  // A body may refuse to give its values out; one of the main graph never does.
  const measuring = measured(all)
    .catch((error) => {
      if (inMain.length === all.length) throw error;
      return measured(inMain);
    })
    .catch((error) => {
      if (error instanceof InputError) throw error;
      const { name } = model.source;
      throw new InputError(
        `onnxruntime cannot run ${name} for its activations (${reason(error)}); check the inputs, or leave out the activations.`,
      );
    });
  const norms = await unlessAborted(signal, measuring);
  step(1, "done");
  return norms;
}

async function measuredAt(
  ort: Ort,
  model: Model,
  sites: readonly Site[],
  { feeds, ...sampling }: Omit<RunOptions, keyof Watching>,
): Promise<ReadonlyMap<string, NormsOfSite>> {
  const { types } = await typesOf(model, ort);
  const inserted = insertedInto(model);
  const operands = sites.map((site) => plainOperands(site, inserted));
  const dtypes = new Map(
    operands.flatMap(({ skip, branches }, k) =>
      [skip, ...branches].map((value) => [value, sites[k].dtype]),
    ),
  );
  const tapped = [...dtypes].map(([value, dtype]) => ({ value, dtype }));
  const exposed = exposeInner(model.file, tapped);
  const names = [...new Set([...dtypes.keys()].flatMap((value) => exposed.outputOf(value) ?? []))];
  if (names.length === 0) return new Map();
  return withSession(ort, runnable(exposed.file), "disabled", async (session) => {
    let results: Tensors = {};
    const run = async (given: Tensors) => {
      results = await runFor(session, given, names);
      return [];
    };
    if (feeds?.[0]) await run(feeds[0]);
    else await sampleInputs({ ort, graph: model.graph, types }, run, 1, sampling);
    const read = (value: Value) => exposed.read(ort, value, results);
    return new Map(
      operands.flatMap(({ skip, branches }, k) => {
        const x = read(skip);
        const f = branches.map(read);
        if (!x || f.length === 0 || f.includes(null)) return [];
        return [[sites[k].name, { skip: norm([x]), branch: norm(f as Tensor[]) }]];
      }),
    );
  });
}

/** Returns the norm of the sum of tensors, or of all their elements if their shapes differ. */
function norm(tensors: readonly Tensor[]): number {
  const [first, ...others] = tensors.map(toFloat64);
  const isEqual = others.every(({ length }) => length === first.length);
  const sum = (value: number, k: number) => others.reduce((total, at) => total + at[k], value);
  let squares = 0;
  for (const values of isEqual ? [first.map(sum)] : [first, ...others])
    for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}
