import {
  checkArgument,
  checkGiven,
  checkModel,
  type WithOrt,
  withOrt,
} from "../../src/arguments.ts";
import { comparableOf } from "../../src/compare/comparable.ts";
import { inputsFor } from "../../src/compare/compare-models.ts";
import { compareTensors } from "../../src/compare/difference.ts";
import { notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import {
  baselineOf,
  type FunctionReport,
  runAll,
  sameFunction,
} from "../../src/compare/outputs.ts";
import { mapValues } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import { typeOfTensor } from "../../src/graph/constants.ts";
import type { Graph, Types, Value } from "../../src/graph/graph.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { checkSizes } from "../../src/infer/shape-lengths.ts";
import { inDouble } from "../../src/infer/stand-in.ts";
import { type Model, modelOf, stateTypes, typesOf } from "../../src/model.ts";
import { allTensors } from "../../src/onnx/all-tensors.ts";
import { isHalf, type Type } from "../../src/onnx/dtypes.ts";
import { bytesOfTensors, isExternal } from "../../src/onnx/external.ts";
import { bytesSource, contentOf } from "../../src/onnx/source.ts";
import { abortable, stepper, unlessAborted } from "../../src/ort/abortable.ts";
import { runnable, withDataInside } from "../../src/ort/loading.ts";
import { reason } from "../../src/ort/messages.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { toFloat64 } from "../../src/ort/tensors.ts";
import { type RunOptions, runOptions } from "../../src/samples/samples.ts";
import { checkMemory } from "../laurelize/memory.ts";
import { EXTENTS } from "./absorb.ts";
import { withDoubleKernels } from "./double-kernels.ts";
import { type FoldedModel, type FoldOptions, fold, foldOptions } from "./fold.ts";

/** How a folded model compares with the one it was made from, both written in double. */
export interface DoubleReport {
  readonly difference: number;
  /** The tolerance of the difference: a part of the largest magnitude. */
  readonly tolerance: number;
}

/** What was proved of a folded model. */
export interface FoldProof {
  readonly passed: boolean;
  /** In onnxruntime, as both models are. */
  readonly function: Outcome<FunctionReport & { readonly dims: Readonly<Record<string, number>> }>;
  /** In float64: both models cast to double, folded and not. */
  readonly float64: Outcome<DoubleReport>;
}

/** Bytes of a model and its data files up to which it is written in double. */
const LARGEST = 1 << 28;
/**
 * What both may lie apart, relative to the largest magnitude: rounding in double, and that of a
 * norm's epsilon, which is an attribute in single precision (2^-24). Measured: 1e-14 where no norm
 * takes a factor in, otherwise 2e-10 at most, where epsilon is a tenth of the variance.
 */
const DOUBLE = 2 ** -29;

/**
 * Proves that a folded model computes what the laurelized one did. In onnxruntime, both agree within
 * the noise of the latter or its distance from its value in float64; in float64, to its rounding.
 */
export async function proveFold(
  folded: Pick<FoldedModel, "original" | "model" | "extent">,
  options: WithOrt & RunOptions,
): Promise<FoldProof> {
  const isFolded = Boolean(folded?.original && folded.model);
  checkArgument("proveFold", folded, isFolded, "a result of fold, await fold(model, { ort })");
  checkGiven("proveFold", options, { ...withOrt, ...runOptions });
  const { original, model, extent } = folded;
  const ort = abortable(options.ort, options.signal);
  const progress = stepper(options);
  checkMemory(original);
  const { graph } = original;
  const { types } = await typesOf(original, ort);
  checkSizes(graph, types);
  const comparable = comparableOf(graph, types, (name) => model.graph.main.values.has(name));
  const before = runnable(comparable.provable(original.file));
  const after = runnable(comparable.provable(model.file));
  progress(0, "sample inputs");
  const { feeds, dims } = await inputsFor({ ort, graph, types }, before, options);
  progress(0.2, "the same in float64");
  const exact: Tensors[] = [];
  const float64 = await inFloat64(ort, { original, extent }, feeds, exact);
  progress(0.5, "same function");
  const baseline = await baselineOf(ort, before, feeds);
  const own = float64.outcome === "passed" ? { ...baseline, exact } : baseline;
  const same = await unlessAborted(options.signal, sameFunction(ort, own, after, "noise"));
  progress(1, "done");
  const passed = same.outcome === "passed" && float64.outcome !== "failed";
  return { passed, function: same.outcome === "not run" ? same : { ...same, dims }, float64 };
}

/** Folds the model again, written in double, and compares; `exact` takes what the model itself gives, rounded. */
async function inFloat64(
  ort: Ort,
  { original, extent }: Pick<FoldedModel, "original" | "extent">,
  feeds: readonly Tensors[],
  exact: Tensors[],
): Promise<Outcome<DoubleReport>> {
  const { file } = original;
  if (original.size + bytesOfTensors([...allTensors(file)].filter(isExternal)) > LARGEST)
    return notRun("the model is too large to be written in double");
  const bytes = inDouble(withDataInside(contentOf(file.source), file));
  if (!bytes) return notRun("the model has no float32 values");
  const { types } = await typesOf(original, ort);
  const half = [...types.values()].some(({ dtype }) => isHalf(dtype));
  if (half) return notRun("the model computes in half precision");
  try {
    const wide = modelOf({ source: bytesSource(bytes), folder: null });
    stateTypes(wide, typesLike(original.graph, types, wide.graph));
    const folded = await fold(wide, { ort, extent });
    const doubled = feeds.map((feed) => inDoubles(ort, feed));
    const both = [wide, folded.model].map((model) =>
      runnable(withDoubleKernels(model, typesLike(original.graph, types, model.graph))),
    );
    const [a, b] = [
      await runAll(ort, both[0], "disabled", doubled),
      await runAll(ort, both[1], "disabled", doubled),
    ];
    exact.push(...a.map((outputs) => inFloats(ort, outputs)));
    let [difference, tolerance] = [0, 0];
    for (const [k, outputs] of a.entries())
      for (const name of Object.keys(outputs)) {
        if (outputs[name].type === "string") continue;
        const { absolute, magnitude } = compareTensors(outputs[name], b[k][name]);
        difference = Math.max(difference, absolute);
        tolerance = Math.max(tolerance, magnitude * DOUBLE);
      }
    return ran(difference <= tolerance, { difference, tolerance });
  } catch (thrown) {
    if (thrown instanceof TypeError || !(thrown instanceof Error)) throw thrown;
    return notRun(
      thrown instanceof InputError
        ? "the model cannot be written in double"
        : `onnxruntime does not run it in double (${reason(thrown)})`,
    );
  }
}

/** The types of a model, by its values' names, for the same model or a folded one in double. */
function typesLike(graph: Graph, types: Types, wide: Graph): Types {
  const [scopes, known] = [[...scopesOf(graph)], new Map<Value, Type>()];
  for (const [k, { values }] of [...scopesOf(wide)].entries())
    for (const value of values.values()) {
      const same = scopes[k]?.values.get(value.name);
      const type = typeOfTensor(value) ?? (same && types.get(same));
      if (type) known.set(value, type.dtype === "float" ? { ...type, dtype: "double" } : type);
    }
  return known;
}

const inFloats = (ort: Ort, outputs: Tensors): Tensors =>
  Object.fromEntries(
    Object.entries(outputs).flatMap(([name, tensor]) =>
      tensor.type === "float64"
        ? [[name, new ort.Tensor("float32", Float32Array.from(toFloat64(tensor)), tensor.dims)]]
        : [],
    ),
  );

const inDoubles = (ort: Ort, feeds: Tensors): Tensors =>
  mapValues(feeds, (tensor) =>
    tensor.type === "float32" ? new ort.Tensor("float64", toFloat64(tensor), tensor.dims) : tensor,
  );

/**
 * Folds a model and proves the result. If rounding moves the outputs further than the model's own
 * noise, less is folded: first every β stays, then every site that does anything.
 */
export async function foldProved(
  model: Model,
  options: FoldOptions & Omit<RunOptions, keyof FoldOptions>,
): Promise<{ readonly folded: FoldedModel; readonly proof: FoldProof }> {
  checkModel("foldProved", model);
  checkGiven("foldProved", options, { ...foldOptions, ...runOptions });
  const { dims, seed, feeds, extent, externalData, copyData, onProgress, ...given } = options;
  const extents = extent === undefined ? EXTENTS : [extent];
  for (const [k, each] of extents.entries()) {
    const part = (from: number, to: number) => ({
      ...given,
      onProgress: (done: number, step: string) =>
        onProgress?.((k + from + (to - from) * done) / extents.length, step),
    });
    const folded = await fold(model, { ...part(0, 0.2), externalData, copyData, extent: each });
    const proof = await proveFold(folded, { ...part(0.2, 1), dims, seed, feeds });
    const { function: same, float64 } = proof;
    const apart = same.outcome === "failed" ? same.error === null : float64.outcome === "failed";
    if (apart && k < extents.length - 1) continue;
    onProgress?.(1, "done");
    return { folded, proof };
  }
  throw new Error("no extent");
}
