import { number, object, objects, watching } from "../arguments.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { own } from "../graph/own.ts";
import { graphNodes } from "../graph/scopes.ts";
import type { Declared } from "../options.ts";
import type { Watching } from "../ort/abortable.ts";
import type { Tensors } from "../ort/session.ts";
import { notFiniteIn } from "../ort/tensors.ts";
import { comparedWith } from "./accepted.ts";
import { accepted, type RunOn } from "./accepted-inputs.ts";
import type { Attempt, Sampled } from "./attempts.ts";
import { type Draw, type Drawn, drawer, type SampleOptions } from "./draw.ts";

/** Declarations of the options for sample inputs. */
export const sampling: Declared<SampleOptions> = { dims: object, seed: number };

/** How a model is run: on a user's inputs, or on random ones. */
export interface RunOptions extends SampleOptions, Watching {
  /** Inputs to use instead of random ones, each a set of tensors by name. */
  readonly feeds?: readonly Tensors[] | undefined;
}

/** Declarations of the options for runs. */
export const runOptions = { ...sampling, ...watching, feeds: objects } as const;

/** Random inputs on which a model runs, and the sizes chosen for its free dimensions. */
export interface Samples {
  readonly feeds: readonly Tensors[];
  readonly dims: Readonly<Record<string, number>>;
}

/** Returns a user's inputs as samples. Throws a TypeError if there are none or one is lacking. */
export function givenSamples({ main, file }: Graph, feeds: readonly Tensors[]): Samples {
  if (feeds.length === 0)
    throw new TypeError("feeds holds no inputs; give a set of tensors by name, or leave it out.");
  for (const [k, set] of feeds.entries())
    for (const { name } of main.inputs)
      if (!own(set, name)?.dims)
        throw new TypeError(
          `feeds[${k}] must hold a Tensor of onnxruntime for input ${name} of ${file.source.name}.`,
        );
  return { feeds, dims: {} };
}

/** Maximum number of draws for a set of inputs on which the model runs. */
const DRAWS = 6;

/**
 * Draws `count` sets of seeded random inputs. Shapes and types are the model's. Free dimensions and
 * the range of integers are chosen by trying `run` until the model accepts them. Floats are
 * positive if the outputs then contain fewer NaN, as with a logarithm. Throws an InputError with
 * onnxruntime's last message if no attempt succeeds.
 */
export async function sampleInputs(
  model: Sampled,
  run: RunOn,
  count: number,
  options: SampleOptions = {},
): Promise<Samples> {
  const { graph, types } = model;
  const draw = drawer(model, options);
  const { dims, outputs, ...first } = await accepted(model, draw, run);
  const chosen = await withFewerNaN(draw, run, { ...first, outputs });
  const choosesBranch = (input: Value) =>
    types.get(input)?.dtype === "bool" || comparedWith(input).length > 0;
  // If values decide sizes inside a model, it may not run on all inputs.
  const sizesVary = graphNodes(graph).some(({ op }) => hasFact(op, "varying"));
  const varied = sizesVary || graph.main.inputs.some(choosesBranch);
  return { feeds: await rounds(draw, run, { ...chosen, count, varied }), dims };
}

/** Returns positive inputs if the outputs then contain fewer NaN, otherwise the given ones. */
async function withFewerNaN(
  draw: Draw,
  run: RunOn,
  { attempt, feeds, outputs }: Drawn & { readonly outputs: readonly Tensors[] },
): Promise<Drawn> {
  const lost = withoutNumbers(outputs);
  if (lost === 0) return { attempt, feeds };
  const other: Attempt = { ...attempt, floats: "positive" };
  const positive = draw(other, 0).feeds;
  const better = await run(positive).catch(() => outputs);
  return withoutNumbers(better) < lost ? { attempt: other, feeds: positive } : { attempt, feeds };
}

/**
 * Returns all sets of inputs; `varied` tries to take other branches of the model from set to set,
 * and repeats the first set if the model runs on no other.
 */
async function rounds(
  draw: Draw,
  run: RunOn,
  { attempt, feeds, count, varied }: Drawn & { readonly count: number; readonly varied: boolean },
): Promise<Tensors[]> {
  const all = [feeds];
  for (let round = 1; round < count; round++) {
    let next = draw({ ...attempt, turn: round }, round).feeds;
    for (let k = 0; varied && !(await works(run, next)); k++) {
      next = k < DRAWS ? draw({ ...attempt, turn: 0 }, round + k * count).feeds : feeds;
      if (next === feeds) break;
    }
    all.push(next);
  }
  return all;
}

/** Returns how many floats of some outputs are NaN or infinite. */
const withoutNumbers = (outputs: readonly Tensors[]): number =>
  outputs
    .flatMap((tensors) => Object.values(tensors))
    .reduce((sum, tensor) => sum + notFiniteIn(tensor), 0);

const works = (run: RunOn, feeds: Tensors) =>
  run(feeds).then(
    () => true,
    () => false,
  );
