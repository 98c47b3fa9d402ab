import { freeMemory, secondsUsed } from "#node";
import { runAll } from "../../src/compare/outputs.ts";
import { mapValues } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import { bytes } from "../../src/figures.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { hasTensors, isFloat } from "../../src/onnx/dtypes.ts";
import { isRandom } from "../../src/ort/fixed-seeds.ts";
import { unloadable } from "../../src/ort/loadable.ts";
import { lacksKernel, reason } from "../../src/ort/messages.ts";
import { type Ort, type Runnable, type Tensors, withSession } from "../../src/ort/session.ts";
import { dtypeOf, notFiniteIn, tensorOfBytes, toFloat64 } from "../../src/ort/tensors.ts";
import { givenSamples, type Samples, sampleInputs } from "../../src/samples/samples.ts";
import type { ProofOptions } from "./checks.ts";
import type { LoweredOriginal } from "./lowering-check.ts";

const ROUNDS = 3;
/** Seconds of processor time a run, above which models are compared on one set of inputs. */
const SLOW = 0.2;

/** The inputs of a proof, and the original's outputs on those on which models are compared. */
export interface ProofInputs extends Samples {
  /** Its outputs with optimizations disabled, for the first of the inputs or all; null if unknown. */
  readonly plain: readonly Tensors[] | null;
}

/**
 * Returns the inputs of a proof: those given, or random ones that the original runs on. Returns a
 * clause if onnxruntime cannot run the original at all. Throws an InputError if the original is
 * unsound.
 */
export async function proofInputs(
  ort: Ort,
  original: LoweredOriginal,
  before: Runnable,
  options: ProofOptions,
): Promise<ProofInputs | string> {
  if (options.feeds) return { ...givenSamples(original.graph, options.feeds), plain: null };
  try {
    return await drawn(ort, original, before, options);
  } catch (thrown) {
    const why = await refusal(ort, before, original);
    if (why === null) throw thrown;
    return why;
  }
}

/** Draws inputs; the session that accepts them also gives the original's outputs on them. */
async function drawn(
  ort: Ort,
  { graph, types }: LoweredOriginal,
  before: Runnable,
  options: ProofOptions,
): Promise<ProofInputs> {
  const { name } = graph.file.source;
  const branches = [...scopesOf(graph)].some(({ owner }) => owner?.op === "If");
  const sampled = async (run: (feeds: Tensors) => Promise<readonly Tensors[]>) => {
    const samples = await sampleInputs({ ort, graph, types }, run, ROUNDS, options);
    const feeds = [...samples.feeds];
    for (const each of branches ? samples.feeds.map((feed) => negated(ort, feed)) : []) {
      const got = await run(each).catch(() => []);
      if (got.length > 0 && Object.values(got[0]).every((t) => notFiniteIn(t) === 0))
        feeds.push(each);
    }
    return { ...samples, feeds };
  };
  // What is drawn goes on from run to run, and begins alike in every session.
  if (isRandom(graph.file)) {
    const samples = await sampled((feeds) => runAll(ort, before, "disabled", [feeds]));
    return { ...samples, plain: null };
  }
  return withSession(ort, before, "disabled", async (session) => {
    const outputs = new Map<Tensors, Tensors>();
    let seconds = 0;
    const run = async (feeds: Tensors) => {
      const start = secondsUsed();
      const got: Tensors = await session.run({ ...feeds });
      seconds = secondsUsed() - start;
      outputs.set(feeds, got);
      return [got];
    };
    const samples = await sampled(run);
    checkKept(name, outputs.get(samples.feeds[0])!, samples.feeds.length);
    const plain: Tensors[] = [];
    for (const feeds of seconds > SLOW ? samples.feeds.slice(0, 1) : samples.feeds)
      plain.push(outputs.get(feeds) ?? (await run(feeds))[0]);
    return { ...samples, plain };
  });
}

/** Negates the floats of some inputs: the other branch of an If may be taken then. */
const negated = (ort: Ort, feeds: Tensors): Tensors =>
  mapValues(feeds, (tensor) => {
    const dtype = dtypeOf(tensor);
    if (!isFloat(dtype)) return tensor;
    const values = toFloat64(tensor).map((value) => -value);
    return tensorOfBytes(ort, dtype, encodeNumbers(dtype, values), tensor.dims);
  });

/** Returns why onnxruntime cannot run a sound model, or null. Throws for an unsound one. */
async function refusal(
  ort: Ort,
  model: Runnable,
  { graph, types }: LoweredOriginal,
): Promise<string | null> {
  try {
    await withSession(ort, model, "disabled", async () => {});
  } catch (thrown) {
    if (lacksKernel(thrown))
      return `onnxruntime has no kernels to run the original here (${reason(thrown)})`;
    throw unloadable(graph.file, thrown);
  }
  const { inputs, outputs } = graph.file.graph;
  const other = [...inputs, ...outputs].find(({ type }) => type && !type.tensor);
  if (other)
    return `onnxruntime's JavaScript API takes and returns only tensors, and ${other.name} is not one`;
  for (const input of graph.main.inputs) {
    const { dtype = "" } = types.get(input) ?? {};
    if (dtype && !hasTensors(dtype))
      return `onnxruntime's JavaScript API has no ${dtype} tensors, which input ${input.name} takes`;
  }
  return null;
}

/** Outputs that a proof holds at once: for each inputs those of two models at two levels, and one more to see draws. */
const [EACH, MORE] = [4, 1];

/**
 * Throws an InputError if outputs of the size of these, on so many sets of inputs, would not fit
 * into memory during a proof. Only a run shows the size of an output that a value decides.
 */
export function checkKept(name: string, outputs: Tensors, rounds: number): void {
  const free = freeMemory();
  const size = Object.values(outputs)
    .map(({ data }) => (data as Partial<Float32Array>).byteLength ?? 0)
    .reduce((a, b) => a + b, 0);
  const needed = size * (EACH * rounds + MORE);
  if (free === null || needed <= free) return;
  throw new InputError(
    `proving ${name} compares outputs of ${bytes(size)} a run, which takes about ${bytes(needed)} of memory, but only ${bytes(free)} are free; give smaller inputs with --inputs, sizes with --dim, or pass --prove sites.`,
  );
}
