import type { Tensor } from "onnxruntime-common";
import { tensorData } from "../src/graph/constants.ts";
import type { Graph } from "../src/graph/graph.ts";
import { uniform } from "../src/graph/random.ts";
import { type DenseTensor, decodeNumbers, encodeNumbers } from "../src/graph/tensor.ts";
import { compare } from "../src/runtime/compare.ts";
import { tensorOfBytes } from "../src/runtime/floats.ts";
import { type Outcome, ran } from "../src/runtime/outcome.ts";
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
): Promise<Outcome<LearningReport>> {
  const tensors = plan.sites.flatMap(({ parameters }) => Object.values(parameters));
  const names = tensors.map(({ name }) => name);
  const last = plan.sites.at(-1)!.site.output.name;
  const ownsLast = result.main.outputs.some(({ name }) => name === last);
  const fed = withOutputs(withWeightsAsInputs(result, names), [last]);
  return withSession(ort, runnable(fed), "disabled", async (session) => {
    const start = new Map(tensors.map((tensor) => [tensor.name, startOf(result, tensor)]));
    const made = new WeakMap<Float64Array, Tensor>();
    const fedAs = ({ dtype, dims }: DenseTensor, values: Float64Array): Tensor => {
      const tensor =
        made.get(values) ?? tensorOfBytes(ort, dtype, encodeNumbers(dtype, values), dims);
      made.set(values, tensor);
      return tensor;
    };
    const run = async (values: Values): Promise<Tensors> => {
      const weights = tensors.map((tensor) => [
        tensor.name,
        fedAs(tensor, values.get(tensor.name)!),
      ]);
      return session.run({ ...feeds, ...Object.fromEntries(weights) } as Record<string, Tensor>);
    };
    let bySums = false;
    let done = 0;
    /** Those of the tensors that change an output, each displaced alone from a point. */
    const movers = async (from: Values, round: string, asked: readonly DenseTensor[]) => {
      const still = await run(from);
      const changed = async (some: readonly DenseTensor[]) => {
        const moves = some.map(
          (tensor) => [tensor.name, displaced(plan, tensor, from, round, 1)] as const,
        );
        const got = await run(new Map([...from, ...moves]));
        return Object.keys(still).filter((name) => !compare(still[name], got[name]).bitEqual);
      };
      const found: { name: string; outputs: string[] }[] = [];
      for (const alike of byRole(asked)) {
        // Where all of a role together change nothing, none of them does alone.
        const any = alike.length === 1 || (await changed(alike)).length > 0;
        for (const tensor of any ? alike : [])
          found.push({ name: tensor.name, outputs: await changed([tensor]) });
        done += alike.length;
        progress(Math.min(1, done / (2 * tensors.length)));
      }
      const own = found.filter(({ outputs }) => outputs.some((name) => name !== last || ownsLast));
      if (round === "first") bySums = own.length === 0;
      return (bySums ? found.filter(({ outputs }) => outputs.length > 0) : own).map(
        ({ name }) => name,
      );
    };
    const byRole = (all: readonly DenseTensor[]): DenseTensor[][] => {
      const roles = plan.sites.flatMap(({ parameters }) => Object.keys(parameters));
      const tensorsOf = (role: string) =>
        plan.sites.flatMap(({ parameters }) => parameters[role] ?? []);
      return [...new Set(roles)]
        .map((role) => tensorsOf(role).filter((tensor) => all.includes(tensor)))
        .filter((group) => group.length > 0);
    };
    const first = await movers(start, "first", tensors);
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
    const dead = left.map(({ name }) => name);
    return ran(dead.length === 0, { tensors: tensors.length, first, dead, bySums });
  });
}

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
