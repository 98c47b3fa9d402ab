import type { Tensor } from "onnxruntime-common";
import { compareTensors } from "../../src/compare/difference.ts";
import { notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import { dataOf, tensorData } from "../../src/graph/constants.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { uniform } from "../../src/graph/random.ts";
import { scopesOf } from "../../src/graph/scopes.ts";
import { decodeNumbers, encodeNumbers } from "../../src/graph/tensor.ts";
import { isFloat, typeOfTensor } from "../../src/graph/types.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { withOutputs, withTaps } from "../../src/ort/expose.ts";
import { sown } from "../../src/ort/fixed-seeds.ts";
import { withWeightsAsInputs } from "../../src/ort/loading.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { dtypeOf, numbersIn, tensorOfBytes } from "../../src/ort/tensors.ts";
import type { Augmented } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";
import { type Effect, effectsAtSite } from "./effects.ts";
import { operandsIn, tapsAt } from "./operands.ts";
import { operandsOf } from "./site-nodes.ts";
import { type Running, withRuns } from "./weighted-runs.ts";

/** Whether gradients would reach every new tensor, told by displacing them. */
export interface LearningReport {
  /** New tensors in all. */
  readonly tensors: number;
  /** Those that change the output from the start on; the others follow once these have moved. */
  readonly first: readonly string[];
  /** Those that change nothing even then. */
  readonly dead: readonly string[];
  /** The outputs depend on no new tensor, or hold no number, so the last sum was asked instead. */
  readonly bySums: boolean;
  /** Sites that are left out: the original's own sum holds no finite number there. */
  readonly notFinite: readonly string[];
  /** Values that were judged beside the outputs: the last floats before labels and indices. */
  readonly before: readonly string[];
}

/** What is asked, and of what. */
export interface Asked {
  readonly plan: Plan;
  /** The plan's sites, as many at once as fit in memory. */
  readonly groups: readonly (readonly Augmented[])[];
  /** Values of the main graph in which a movement counts: its outputs, or what they are made of. */
  readonly judged: readonly string[];
}

/** How far the first movers are taken together: a large step may saturate the output. */
const SCALES = [1, 1 / 8, 1 / 64, 1 / 512];
/** How much further each is displaced if the outputs are whole numbers, which small steps leave. */
const LARGER = [8, 64, 512];

type Values = ReadonlyMap<string, Float64Array>;

/**
 * Displaces the new tensors at random, with optimisations disabled: (i) each alone at the start;
 * (ii) those that changed the output, all together; (iii) from there each alone again. Every one
 * must change the output by then, or its gradient is zero for good (γ = 0 together with B = 0).
 * What a tensor does to its site's sum is asked of the site's nodes alone. The whole model is run
 * for the least of a site's effects, and for every other that does not outdo one that arrived.
 */
export async function canLearn(
  ort: Ort,
  result: Graph,
  { plan, groups, judged }: Asked,
  feeds: Tensors,
  progress: (done: number) => void,
): Promise<Outcome<LearningReport>> {
  const tensors = newTensors(plan.sites);
  const names = tensors.map(({ name }) => name);
  const { output: lastSum, dtype } = plan.sites.at(-1)!.site;
  const inside = new Set(names.filter((name) => !result.main.values.has(name)));
  const fed = withWeightsAsInputs(
    result,
    names.filter((name) => !inside.has(name)),
  );
  const taps = withTaps(fed, [...tapsAt(plan.sites), { value: lastSum, dtype }]);
  const last = taps.outputOf(lastSum);
  const outputs = [...new Set(last === null ? judged : [...judged, last])];
  let bySums = false;
  let size = 1;
  let done = 0;
  const step = () => progress(Math.min(1, ++done / (4 * plan.sites.length)));
  const feed = ({ name, dtype, dims }: DenseTensor, values: Values): Tensors => ({
    [name]: tensorOfBytes(ort, dtype, encodeNumbers(dtype, values.get(name)!), dims),
  });

  const work = async (running: Running): Promise<Outcome<LearningReport>> => {
    let told: readonly string[] = [];
    let discrete = false;
    /** Those of the tensors that change an output, each displaced alone from a point. */
    const movers = async (
      from: Values,
      round: string,
      left: Names,
    ): Promise<Set<string> | string> => {
      const point: Tensors = Object.assign(
        Object.create(null),
        feeds,
        ...tensors.map((each) => feed(each, from)),
      );
      const moved = (each: DenseTensor) => feed(each, displaced(plan, [each], from, round, size));
      const run = (more: Tensors, names = outputs): Promise<Tensors> =>
        running({ ...point, ...more }, names);
      const effects: Effect[][] = [];
      for (const batch of groups) {
        const read = batch.flatMap(operandsOf).flatMap((value) => taps.outputOf(value) ?? []);
        const got = read.length > 0 ? await run({}, [...new Set(read)]) : {};
        for (const augmented of batch) {
          const operands = operandsIn(ort, taps, augmented, got);
          const asked = Object.values(augmented.parameters).filter(({ name }) => left.has(name));
          const at = { ...point, ...operands };
          effects.push(
            operands
              ? await effectsAtSite(ort, result, augmented, at, asked, moved)
              : asked.map((tensor) => ({ tensor, outdoes: [] })),
          );
          step();
        }
      }
      const still = await run({});
      const arrives = async (more: Tensors) => {
        const got = await run(more);
        return told
          .filter((name) => bySums || judged.includes(name))
          .some((name) => !compareTensors(still[name], got[name]).bitEqual);
      };
      if (round === "first") {
        const again = await run({});
        told = outputs.filter((name) => compareTensors(still[name], again[name]).bitEqual);
        const judgeable = told.filter((name) => judged.includes(name));
        if (judgeable.length === 0)
          return "every output differs from run to run, whatever it draws";
        bySums = !judgeable.some((name) => holdsNumbers(still[name]));
        const canAsk = bySums && hasNonFiniteWeights(result);
        if (
          bySums &&
          !(canAsk && last !== null && told.includes(last) && holdsNumbers(still[last]))
        )
          return judgeable.every((name) => still[name].data.length === 0)
            ? "every output is empty at these sizes; give others with --dim"
            : "no output holds a number on the sample inputs, only NaN or infinities: give real ones with --inputs";
        const all = () => effects.flat().map(({ tensor }) => moved(tensor));
        const moves = async () =>
          bySums || (await arrives(Object.assign(Object.create(null), ...all())));
        let moving = await moves();
        discrete = !judgeable.some((name) => isFloat(dtypeOfTensor(still[name])));
        for (let k = 0; discrete && !moving && k < LARGER.length; k++) {
          size = LARGER[k];
          moving = await moves();
        }
        bySums ||= !moving;
      }
      const arrived = new Set<string>();
      for (const site of effects) {
        for (const { tensor, outdoes } of site)
          if (outdoes.some((name) => arrived.has(name)) || (await arrives(moved(tensor))))
            arrived.add(tensor.name);
        step();
      }
      return arrived;
    };

    const start: Values = new Map(
      tensors.map(({ name, dtype }) => [name, decodeNumbers(dtype, tensorData(result, name))]),
    );
    const early = await movers(start, "first", new Set(names));
    if (typeof early === "string") return notRun(early);
    const first = tensors.filter(({ name }) => early.has(name));
    let left = new Set(names);
    for (const scale of SCALES) {
      const alive = await movers(displaced(plan, first, start, "all", scale), "then", left);
      if (typeof alive === "string") return notRun(alive);
      left = new Set([...left].filter((name) => !alive.has(name)));
      if (left.size === 0) break;
    }
    if (left.size > 0 && discrete && !bySums)
      return notRun(
        `the outputs hold whole numbers or texts alone, which ${left.size} of ${tensors.length} new tensors are not seen to change`,
      );
    return ran(left.size === 0, {
      tensors: tensors.length,
      first: first.map(({ name }) => name),
      dead: [...left],
      bySums,
      notFinite: [],
      before: [],
    });
  };
  return withRuns(ort, sown(withOutputs(taps.file, judged)), inside, work);
}

const dtypeOfTensor = (tensor: Tensor) => (tensor.type === "string" ? "string" : dtypeOf(tensor));

/** Whether something in a tensor can be seen to move. */
export const holdsNumbers = (tensor: Tensor) =>
  tensor.data.length > 0 &&
  (tensor.type === "string" ||
    !isFloat(dtypeOf(tensor)) ||
    numbersIn(tensor).some(Number.isFinite));

/** Whether a weight is NaN or infinite, so that other inputs would not help. */
const hasNonFiniteWeights = (graph: Graph): boolean =>
  [...scopesOf(graph)].some(({ values }) =>
    [...values.values()].some((value) => {
      const { dtype } = typeOfTensor(value) ?? {};
      const data = isFloat(dtype) ? dataOf(graph, value) : null;
      return data ? decodeNumbers(dtype!, data).some((n) => !Number.isFinite(n)) : false;
    }),
  );

/** The new tensors of sites, those that several share once. */
export const newTensors = (sites: readonly Augmented[]): DenseTensor[] => [
  ...new Set(sites.flatMap(({ parameters }) => Object.values(parameters))),
];

type Names = ReadonlySet<string>;

/**
 * The values with these tensors' moved, by steps of about 1/√n, n the longest axis: they outlast
 * half precision and quantisation.
 */
function displaced(
  plan: Plan,
  tensors: readonly DenseTensor[],
  from: Values,
  round: string,
  scale: number,
): Values {
  const moved = tensors.map(({ name, dims }) => {
    const next = uniform(plan.options.seed, `${name} ${round}`);
    const step = scale / Math.sqrt(Math.max(1, ...dims));
    const values = from.get(name)!.map((value) => {
      const random = 2 * next() - 1;
      return value + step * (random + Math.sign(random));
    });
    return [name, values] as const;
  });
  return new Map([...from, ...moved]);
}
