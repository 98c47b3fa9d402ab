import { InputError } from "../errors.ts";
import { freeName } from "../graph/bound.ts";
import type { Graph, TypedGraph } from "../graph/graph.ts";
import type { ValuesOf } from "../option-values.ts";
import type { Declared, Given } from "../options.ts";
import { stepper } from "../ort/abortable.ts";
import { runnable } from "../ort/loading.ts";
import { reason } from "../ort/messages.ts";
import type { Ort, Runnable, Tensors } from "../ort/session.ts";
import type { Sampled } from "../samples/attempts.ts";
import { givenSamples, type RunOptions, runOptions, sampleInputs } from "../samples/samples.ts";
import { comparableOf } from "./comparable.ts";
import { contentDifferences } from "./contents.ts";
import type { Finding } from "./finding.ts";
import { type FirstDifference, firstDifference } from "./first-difference.ts";
import { counterparts } from "./matching.ts";
import { nudgedBaseline } from "./nudged-weights.ts";
import {
  type Agreement,
  type FunctionReport,
  type OutputReport,
  runAll,
  sameFunction,
} from "./outputs.ts";
import { signatureDifference } from "./signature.ts";
import { tolerances } from "./tolerances.ts";

/**
 * "same": nothing of the first is changed or lost. "same function": something is, but both compute
 * the same. "same but for rounding": the outputs differ within the limits for full optimization.
 */
export type Verdict = "same" | "same function" | "same but for rounding" | "different";

/** The result of comparing two models. */
export interface Comparison extends Omit<FunctionReport, "beside"> {
  readonly verdict: Verdict;
  /** Whether both compute the same, and the second has changed or lost nothing of the first. */
  readonly same: boolean;
  /** Why the two cannot take the same inputs, so that neither was run; null if they can. */
  readonly apart: string | null;
  /** Sizes chosen for free dimensions. */
  readonly dims: Readonly<Record<string, number>>;
  /** The first value that differs if the outputs do; null if no value of one name differs. */
  readonly first: FirstDifference | null;
  /** Differences other than the outputs; harmless ones do not make the models differ. */
  readonly findings: readonly Finding[];
}

/** Options of a comparison. */
export interface CompareOptions extends RunOptions, Given<ValuesOf<typeof tolerances>> {}

/** Declarations of the options of a comparison. */
export const comparing: Declared<CompareOptions> = { ...runOptions, ...tolerances };

const ROUNDS = 3;

/**
 * Compares any two models: signature, metadata, weights and attributes by name, then outputs within
 * the tolerance of `sameFunction`; if these differ, finds the first value that does. Throws an
 * InputError if the first model does not run on any sample inputs.
 */
export async function compareGraphs(
  ort: Ort,
  a: TypedGraph,
  b: Graph,
  options: CompareOptions = {},
): Promise<Comparison> {
  const progress = stepper(options);
  progress(0, "contents");
  const pairs = counterparts(a.graph, b);
  const signature = signatureDifference(a.graph, b);
  const findings = [...signature.findings, ...contentDifferences(a.graph, b, pairs, a.types)];
  const { apart } = signature;
  if (apart !== null) return { ...NOT_RUN, apart, findings };
  progress(0.2, "sample inputs");
  const { provable } = comparableOf(a.graph, a.types, (name) => b.main.values.has(name));
  const file = provable(a.graph.file);
  const before = runnable(file);
  const sampling = { ...options, dims: { ...fixedDims(a, b), ...options.dims } };
  const { feeds, dims } = await inputsFor({ ort, ...a }, before, sampling);
  progress(0.4, "same function");
  const baseline = await nudgedBaseline(ort, file, feeds).catch((error) => {
    const { name } = a.graph.file.source;
    throw new InputError(
      `${name} does not run on the given inputs (${reason(error)}); check them.`,
    );
  });
  const held = await sameFunction(ort, baseline, runnable(provable(b.file)), agreementOf(options));
  const { outputs, error } =
    held.outcome === "not run" ? { outputs: [], error: held.reason } : held;
  let first: FirstDifference | null = null;
  if (held.outcome === "failed" && error === null) {
    progress(0.7, "first difference");
    first = await firstDifference({ ort, a, b, pairs, feeds, dims });
  }
  progress(1, "done");
  const isNear = error === null && outputs.every(isClose);
  const verdict = verdictOf(held.outcome === "passed", findings, isNear);
  return {
    ...{ verdict, same: verdict === "same" },
    ...{ apart, error, inputs: feeds.length, dims, outputs },
    ...{ level: baseline.level, first, findings },
  };
}

function verdictOf(equal: boolean, findings: readonly Finding[], isNear: boolean): Verdict {
  if (!equal) return isNear ? "same but for rounding" : "different";
  return findings.every(({ harmless }) => harmless) ? "same" : "same function";
}

/** Returns the comparison of two models that cannot be given the same inputs. */
const NOT_RUN = {
  verdict: "different",
  same: false,
  error: null,
  inputs: 0,
  dims: {},
  outputs: [],
  level: "all",
  first: null,
} as const;

/** Returns the given inputs or sample inputs. Throws an InputError if the model runs on none. */
export async function inputsFor(model: Sampled, file: Runnable, options: CompareOptions) {
  if (options.feeds) return givenSamples(model.graph, options.feeds);
  const run = (feed: Tensors) => runAll(model.ort, file, "disabled", [feed]);
  return sampleInputs(model, run, ROUNDS, options);
}

/** Returns the tolerances for outputs, if any; a missing one is 0. */
const agreementOf = ({ atol, rtol }: CompareOptions): Agreement =>
  atol === undefined && rtol === undefined ? "equal" : { atol: atol ?? 0, rtol: rtol ?? 0 };

const isClose = ({ passed, plain, optimized, tolerance }: OutputReport) =>
  passed || (plain.absolute <= tolerance && optimized.absolute <= tolerance);

/** Returns free dimensions of the first model's inputs that the second has fixed. */
function fixedDims(a: TypedGraph, b: Graph): Record<string, number> {
  const dims: Record<string, number> = Object.create(null);
  const infos = new Map(b.file.graph.inputs.map((info) => [info.name, info.type?.tensor?.shape]));
  for (const input of a.graph.main.inputs)
    for (const [axis, dim] of (a.types.get(input)?.shape ?? []).entries()) {
      const fixed = infos.get(input.name)?.dims[axis]?.value;
      if (typeof dim === "string" && fixed && fixed > 0)
        dims[freeName(input.name, axis, dim)] = fixed;
    }
  return dims;
}
