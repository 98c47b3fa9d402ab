import type { Tensor } from "onnxruntime-common";
import { buildGraph } from "../../src/graph/build.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import { isRandom, withoutDraws } from "../../src/ort/fixed-seeds.ts";
import { runnable, withOtherWeights } from "../../src/ort/loading.ts";
import { type Ort, runFor, type Tensors, withSession } from "../../src/ort/session.ts";
import { bytesOfTensor } from "../../src/ort/tensors.ts";

/** Runs a model on inputs and weights by name; returns the outputs with these names. */
export type Running = (feeds: Tensors, names: readonly string[]) => Promise<Tensors>;

/**
 * Calls `work` with a function that runs a model with optimizations disabled. Weights of the main
 * graph are its inputs; those named in `inside` are initializers of bodies.
 */
export function withRuns<T>(
  ort: Ort,
  given: ModelFile,
  inside: ReadonlySet<string>,
  work: (running: Running) => Promise<T>,
): Promise<T> {
  const file = withoutDraws(given);
  const model = runnable(file);
  // Weights of a body cannot be fed: every set of values is a model of its own. What is drawn goes
  // on from run to run, and begins alike in every session.
  if (inside.size > 0 || isRandom(file)) {
    const graph = buildGraph(file);
    return work((feeds, asked) => {
      const { weights, others } = apart(feeds, inside);
      const other = inside.size > 0 ? runnable(withOtherWeights(graph, weights)) : model;
      return withSession(ort, other, "disabled", (session) => runFor(session, others, asked));
    });
  }
  return withSession(ort, model, "disabled", (session) =>
    work((feeds, asked) => runFor(session, feeds, asked)),
  );
}

/** Splits tensors into the raw data of those with these names, and the others. */
function apart(given: Tensors, names: ReadonlySet<string>) {
  const weights = new Map<string, Uint8Array>();
  const others: Record<string, Tensor> = Object.create(null);
  for (const [name, tensor] of Object.entries(given))
    if (names.has(name)) weights.set(name, bytesOfTensor(tensor));
    else others[name] = tensor;
  return { weights, others };
}
