import type { Graph, Value } from "../src/graph/graph.ts";
import { type Types, typeOfTensor } from "../src/graph/types.ts";
import { changes } from "../src/runtime/changes.ts";
import { runnable, withOutputs } from "../src/runtime/runnable.ts";
import { type OutputReport, runAll, sameFunction } from "../src/runtime/same-function.ts";
import { type SampleOptions, sampleInputs } from "../src/runtime/samples.ts";
import { type SecondOpinion, secondOpinion } from "../src/runtime/second-opinion.ts";
import { type Ort, type Runnable, reason, type Tensors } from "../src/runtime/session.ts";
import type { Augmented } from "./augment.ts";
import { checkFormula, type FormulaReport, operandsOf } from "./formula.ts";
import type { Plan } from "./laurelize.ts";
import { canLearn, type LearningReport } from "./learning.ts";

/** A property of a result, whether it holds, and the figures behind it. */
export type Check =
  | {
      readonly name: "same function";
      readonly passed: boolean;
      /** Sets of inputs. */
      readonly inputs: number;
      /** Sizes chosen for free dimensions. */
      readonly dims: Readonly<Record<string, number>>;
      readonly outputs: readonly OutputReport[];
      /** What onnxruntime said where it does not take the result; null where it does. */
      readonly error: string | null;
    }
  | {
      readonly name: "right formula";
      readonly passed: boolean;
      readonly sites: readonly FormulaReport[];
    }
  | ({ readonly name: "it can learn"; readonly passed: boolean } & LearningReport)
  | {
      readonly name: "nothing else changed";
      readonly passed: boolean;
      readonly weights: number;
      readonly inputs: number;
      readonly outputs: number;
      readonly differences: readonly string[];
    }
  | ({ readonly name: "a second opinion"; readonly passed: boolean } & SecondOpinion);

/** What was proved of a result. */
export interface Proof {
  readonly passed: boolean;
  readonly checks: readonly Check[];
}

/** How to prove. */
export interface ProofOptions extends SampleOptions {
  /** Inputs to use instead of made-up ones, a set of tensors by name each. */
  readonly feeds?: readonly Tensors[] | undefined;
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
  let outputs: OutputReport[] = [];
  let error: string | null = null;
  try {
    outputs = await sameFunction(ort, before, result.runnable, feeds);
  } catch (thrown) {
    error = reason(thrown);
  }
  const sites: FormulaReport[] = [];
  for (const batch of batches(plan.sites)) {
    progress(0.4 + (0.2 * sites.length) / plan.sites.length, "right formula");
    const values = batch.flatMap(operandsOf);
    const operands = await capture(ort, graph, values, feeds[0]);
    for (const augmented of batch)
      sites.push(await checkFormula(ort, result.graph, plan, augmented, operands));
  }
  progress(0.6, "it can learn");
  const learning =
    error === null
      ? await canLearn(ort, result.graph, plan, feeds[0], (done) =>
          progress(0.6 + 0.4 * done, "it can learn"),
        )
      : { tensors: 0, first: [], dead: [], bySums: false };
  const checks: Check[] = [
    {
      name: "same function",
      passed: error === null && outputs.every(({ passed }) => passed),
      inputs: feeds.length,
      dims,
      outputs,
      error,
    },
    { name: "right formula", passed: sites.every(({ passed }) => passed), sites },
    unchanged(graph, result.graph, plan),
    { name: "it can learn", passed: error === null && learning.dead.length === 0, ...learning },
  ];
  if (options.alsoOrt) {
    progress(0.95, "a second opinion");
    const opinion = await secondOpinion(options.alsoOrt, file, result.graph.file, feeds);
    const agreed = opinion.error === null && opinion.outputs.every(({ passed }) => passed);
    checks.push({ name: "a second opinion", passed: agreed, ...opinion });
  }
  progress(1, "done");
  return { passed: checks.every(({ passed }) => passed), checks };
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

/** Holds what changed in the file against what was planned. */
function unchanged(original: Graph, result: Graph, plan: Plan): Check {
  const { file } = original;
  const found = changes(file, result.file);
  const differences = [...found.differences];
  const expect = (what: string, got: readonly string[], planned: readonly string[]) => {
    if ([...got].sort().join("\0") !== [...planned].sort().join("\0"))
      differences.push(`${what} are not those planned`);
  };
  const { nodes, tensors, redirects } = plan.patch;
  const added = [
    ...found.nodes.map((node) => node.outputs[0]),
    ...found.initializers.map(({ name }) => name),
  ];
  expect("new nodes and weights", added, [
    ...nodes.flatMap(({ node }) => node.outputs),
    ...tensors.map(({ name }) => name),
  ]);
  expect(
    "redirected inputs",
    found.redirected.map(({ output, index }) => `${output} ${index}`),
    redirects.map(({ use }) => `${use.node.message.outputs[0]} ${use.index}`),
  );
  return {
    name: "nothing else changed",
    passed: differences.length === 0,
    weights: [...original.main.values.values()].filter(typeOfTensor).length,
    inputs: file.graph.inputs.length,
    outputs: file.graph.outputs.length,
    differences,
  };
}
