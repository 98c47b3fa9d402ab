import type { Tensor } from "onnxruntime-common";
import { tensorData } from "../src/graph/constants.ts";
import type { Graph } from "../src/graph/graph.ts";
import { uniform } from "../src/graph/random.ts";
import { type DenseTensor, decodeNumbers, encodeNumbers } from "../src/graph/tensor.ts";
import { compare } from "../src/runtime/compare.ts";
import { tensorOfBytes } from "../src/runtime/floats.ts";
import { runnable, withOutputs, withWeightsAsInputs } from "../src/runtime/runnable.ts";
import { type Ort, type Tensors, withSession } from "../src/runtime/session.ts";
import type { Plan } from "./laurelize.ts";

/** Whether gradients would reach every new tensor, told by displacing them. */
export interface LearningReport {
  /** New tensors in all. */
  readonly tensors: number;
  /** Those that change the output from the start on; the others follow once these have moved. */
  readonly first: readonly string[];
  /** Those that change nothing even then. */
  readonly dead: readonly string[];
  /** The outputs depend on no new tensor at all, so the last sum was asked instead. */
  readonly bySums: boolean;
}

/** How far the first movers are taken together: a large step may saturate the output. */
const SCALES = [1, 1 / 8, 1 / 64, 1 / 512];

type Values = ReadonlyMap<string, Float64Array>;

/**
 * Displaces the new tensors at random, with optimisations disabled: (i) each alone at the start;
 * (ii) those that changed the output, all together; (iii) from there each alone again. Every one
 * must change the output by then, or its gradient is zero for good (γ = 0 together with B = 0).
 */
export async function canLearn(
  ort: Ort,
  result: Graph,
  plan: Plan,
  feeds: Tensors,
  progress: (done: number) => void,
): Promise<LearningReport> {
  const tensors = plan.sites.flatMap(({ parameters }) => Object.values(parameters));
  const names = tensors.map(({ name }) => name);
  const last = plan.sites.at(-1)!.site.output.name;
  const fed = withOutputs(withWeightsAsInputs(result, names), [last]);
  return withSession(ort, runnable(fed), "disabled", async (session) => {
    const start = new Map(tensors.map((tensor) => [tensor.name, startOf(result, tensor)]));
    let runs = 0;
    const run = async (values: Values): Promise<Tensors> => {
      const weights = tensors.map(({ name, dtype, dims }) => [
        name,
        tensorOfBytes(ort, dtype, encodeNumbers(dtype, values.get(name)!), dims),
      ]);
      return session.run({ ...feeds, ...Object.fromEntries(weights) } as Record<string, Tensor>);
    };
    const judge = { sums: false };
    const movers = async (from: Values, round: string, asked: readonly DenseTensor[]) => {
      const still = await run(from);
      const found: string[] = [];
      for (const tensor of asked) {
        const got = await run(
          new Map(from).set(tensor.name, displaced(plan, tensor, from, round, 1)),
        );
        const seen = telling(still, last, judge.sums);
        if (seen.some((name) => !compare(still[name], got[name]).bitEqual)) found.push(tensor.name);
        progress(++runs / (2 * tensors.length));
      }
      return found;
    };
    let first = await movers(start, "first", tensors);
    if (first.length === 0) {
      judge.sums = true;
      first = await movers(start, "first", tensors);
    }
    let left = tensors;
    for (const scale of SCALES) {
      const near = tensors.filter(({ name }) => first.includes(name));
      const moved = near.map(
        (tensor) => [tensor.name, displaced(plan, tensor, start, "all", scale)] as const,
      );
      const alive = await movers(new Map([...start, ...moved]), "then", left);
      left = left.filter(({ name }) => !alive.includes(name));
      if (left.length === 0) break;
    }
    return {
      tensors: tensors.length,
      first,
      dead: left.map(({ name }) => name),
      bySums: judge.sums,
    };
  });
}

/** The outputs that are asked: the model's own, and the last sum where those tell nothing. */
const telling = (all: Tensors, last: string, bySums: boolean): string[] =>
  Object.keys(all).filter((name) => bySums || name !== last);

/** The values a new tensor has in the result, as it stands there. */
function startOf(result: Graph, { name, dtype }: DenseTensor): Float64Array {
  return decodeNumbers(dtype, tensorData(result, name));
}

/** Steps of about 1/√n, n the longest axis: they outlast half precision and quantisation. */
function displaced(
  plan: Plan,
  { name, dims }: DenseTensor,
  from: Values,
  round: string,
  scale: number,
): Float64Array {
  const next = uniform(plan.options.seed, `${name} ${round}`);
  const step = scale / Math.sqrt(Math.max(1, ...dims));
  return from.get(name)!.map((value) => {
    const random = 2 * next() - 1;
    return value + step * (random + Math.sign(random));
  });
}
