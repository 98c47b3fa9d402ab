import type { Graph, Value } from "../src/graph/graph.ts";
import type { Types } from "../src/graph/types.ts";
import { notRun, type Outcome, ran } from "../src/runtime/outcome.ts";
import { runnable, withOutputs } from "../src/runtime/runnable.ts";
import {
  type FunctionReport,
  runAll,
  type Standard,
  sameFunction,
  standardOf,
} from "../src/runtime/same-function.ts";
import { type SampleOptions, sampleInputs } from "../src/runtime/samples.ts";
import { secondOpinion } from "../src/runtime/second-opinion.ts";
import { type Ort, type Runnable, reason, type Tensors } from "../src/runtime/session.ts";
import type { Augmented } from "./augment.ts";
import { checkFormula, type FormulaReport } from "./formula.ts";
import type { Plan } from "./laurelize.ts";
import { canLearn, type LearningReport } from "./learning.ts";
import type { SiteReport } from "./site-check.ts";
import { operandsOf } from "./site-nodes.ts";
import { checkUnchanged, type UnchangedReport } from "./unchanged.ts";

type Named<Name extends string, Figures> = { readonly name: Name } & Outcome<Figures>;

/** A property of a result: whether it holds and the figures behind it, or why it was not checked. */
export type Check =
  | Named<
      "same function",
      FunctionReport & {
        /** Sizes chosen for free dimensions. */
        readonly dims: Readonly<Record<string, number>>;
      }
    >
  | Named<"same sum at each site", { readonly sites: readonly SiteReport[] }>
  | Named<"right formula", { readonly sites: readonly FormulaReport[] }>
  | Named<"nothing else changed", UnchangedReport>
  | Named<"it can learn", LearningReport>
  | Named<"a second opinion", FunctionReport>;

/** What was proved of a result. */
export interface Proof {
  /** Every check was made, and passed. */
  readonly passed: boolean;
  readonly checks: readonly Check[];
  /** What was not asked to be checked, a clause for a person; null where everything was. */
  readonly leftOut: string | null;
}

/** How to prove. */
export interface ProofOptions extends SampleOptions {
  /** Inputs to use instead of made-up ones, a set of tensors by name each. */
  readonly feeds?: readonly Tensors[] | undefined;
  /** "sites" runs each site alone and no whole model: for models larger than the memory. */
  readonly extent?: "full" | "sites" | undefined;
  /** Another onnxruntime, under which the same-function check is repeated. */
  readonly alsoOrt?: Ort | undefined;
  /** Called before each step with how much is done, from 0 to 1. */
  readonly progress?: ((done: number, step: string) => void) | undefined;
}

/** Elements of operands that are captured in one run. */
const CAPTURED = 1 << 26;
const ROUNDS = 3;

/**
 * Proves a laurelized model against its original in onnxruntime: it computes the same function,
 * every site computes the paper's formula once its weights are not neutral, nothing but the sites
 * has changed, and every new tensor can learn; with `alsoOrt`, another runtime agrees.
 */
export async function prove(
  ort: Ort,
  original: { graph: Graph; types: Types },
  result: { graph: Graph; runnable: Runnable },
  plan: Plan,
  options: ProofOptions = {},
): Promise<Proof> {
  const { graph, types } = original;
  const { file } = graph;
  const progress = options.progress ?? (() => {});
  progress(0, "sample inputs");
  const before = runnable(file);
  const { feeds, dims } = options.feeds
    ? { feeds: options.feeds, dims: {} }
    : await sampleInputs(
        ort,
        graph,
        types,
        (feed) => runAll(ort, before, "disabled", [feed]),
        ROUNDS,
        options,
      );
  progress(0.1, "same function");
  const same = await checkFunction(ort, before, result.runnable, feeds);
  const sites: FormulaReport[] = [];
  for (const batch of batches(plan.sites)) {
    progress(0.4 + (0.2 * sites.length) / plan.sites.length, "right formula");
    const values = batch.flatMap(operandsOf);
    const operands = await capture(ort, graph, values, feeds[0]);
    for (const augmented of batch)
      sites.push(await checkFormula(ort, result.graph, plan, augmented, operands));
  }
  const formula = ran(
    sites.every(({ passed }) => passed),
    { sites },
  );
  progress(0.6, "it can learn");
  const learning =
    same.outcome === "not run" || same.error !== null
      ? notRun("onnxruntime does not run the result")
      : await canLearn(ort, result.graph, plan, feeds[0], (done) =>
          progress(0.6 + 0.4 * done, "it can learn"),
        );
  const checks: Check[] = [
    { name: "same function", ...(same.outcome === "not run" ? same : { ...same, dims }) },
    { name: "right formula", ...formula },
    { name: "nothing else changed", ...checkUnchanged(graph, result.graph, plan) },
    { name: "it can learn", ...learning },
  ];
  if (options.alsoOrt) {
    progress(0.95, "a second opinion");
    const opinion = await secondOpinion(options.alsoOrt, file, result.graph.file, feeds);
    checks.push({ name: "a second opinion", ...opinion });
  }
  progress(1, "done");
  return { passed: checks.every(({ outcome }) => outcome === "passed"), checks, leftOut: null };
}

async function checkFunction(
  ort: Ort,
  before: Runnable,
  after: Runnable,
  feeds: readonly Tensors[],
): Promise<Outcome<FunctionReport>> {
  let standard: Standard;
  try {
    standard = await standardOf(ort, before, feeds);
  } catch (thrown) {
    return notRun(`onnxruntime does not take the original (${reason(thrown)})`);
  }
  return sameFunction(ort, standard, after);
}

/** Values of the main graph in a real run with optimisations disabled. */
async function capture(
  ort: Ort,
  { file }: Graph,
  values: readonly Value[],
  feeds: Tensors,
): Promise<Tensors> {
  const tapped = withOutputs(file, [...new Set(values.map(({ name }) => name))]);
  const [tensors] = await runAll(ort, runnable(tapped), "disabled", [feeds]);
  return { ...feeds, ...tensors };
}

/** Sites in groups whose operands fit in memory together. */
function batches(sites: readonly Augmented[]): Augmented[][] {
  const groups: Augmented[][] = [];
  let room = 0;
  for (const augmented of sites) {
    const { shape } = augmented.site;
    const sized = shape
      .map((dim) => (typeof dim === "number" ? dim : 64))
      .reduce((a, b) => a * b, 1);
    const need = sized * operandsOf(augmented).length;
    if (groups.length === 0 || need > room) {
      groups.push([]);
      room = CAPTURED;
    }
    groups.at(-1)!.push(augmented);
    room -= need;
  }
  return groups;
}
