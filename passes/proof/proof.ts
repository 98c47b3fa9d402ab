import type { Judged } from "../../src/compare/judged.ts";
import { notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import {
  type FunctionReport,
  runAll,
  type Standard,
  sameFunction,
  standardOf,
} from "../../src/compare/outputs.ts";
import { secondOpinion } from "../../src/compare/second-opinion.ts";
import { buildGraph } from "../../src/graph/build.ts";
import { type Graph, outward } from "../../src/graph/graph.ts";
import { TOKEN_SEARCHES } from "../../src/graph/own-weights.ts";
import { patchedFile } from "../../src/graph/patch.ts";
import { weightNamed } from "../../src/graph/scopes.ts";
import { hasTensors, type Types } from "../../src/graph/types.ts";
import { checkSizes } from "../../src/infer/value-sizes.ts";
import { stepper } from "../../src/ort/abortable.ts";
import { NO_KERNEL, unloadable } from "../../src/ort/loadable.ts";
import { runnable } from "../../src/ort/loading.ts";
import {
  type Ort,
  type Runnable,
  reason,
  type Tensors,
  withSession,
} from "../../src/ort/session.ts";
import { type SampleOptions, type Samples, sampleInputs } from "../../src/samples/samples.ts";
import type { Augmented } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";
import type { Check, Proof, ProofOptions } from "./checks.ts";
import { checkFormula, type FormulaReport } from "./formula.ts";
import { checkKept } from "./kept-outputs.ts";
import { learnWhereReached } from "./learn-where-reached.ts";
import { holdsNumbers, newTensors } from "./learning.ts";
import { type Closed, checkOpening } from "./opening-check.ts";
import { capture, siteBatches, sizesIn } from "./operands.ts";
import { proveUnrun } from "./prove-sites.ts";
import { sampledPlan } from "./sample.ts";
import { checkSite } from "./site-check.ts";
import { checkUnchanged } from "./unchanged.ts";

/** What a result was made of: the original, or that with functions and composite nodes opened. */
export interface Opened {
  readonly graph: Graph;
  readonly types: Types;
  /** The original itself, and what was opened in it; null where nothing was. */
  readonly closed: Closed | null;
  readonly judged: Judged;
}

const ROUNDS = 3;

/**
 * Proves a laurelized model against its original in onnxruntime: it computes the same function,
 * every site computes the paper's formula once its weights are not neutral, nothing but the sites
 * has changed, and every new tensor can learn; with `alsoOrt`, another runtime agrees. Where
 * anything was opened, that is held against the original first, and the rest against the opened.
 */
export async function runChecks(
  ort: Ort,
  original: Opened,
  result: { graph: Graph; runnable: Runnable },
  whole: Plan,
  options: ProofOptions = {},
): Promise<Proof> {
  const { graph, types, closed, judged } = original;
  const file = judged.provable(graph.file);
  const some = options.allSites ? null : sampledPlan(whole);
  const plan = some?.plan ?? whole;
  const progress = stepper(options);
  checkSizes(graph, types);
  progress(0, "sample inputs");
  const before = runnable(file);
  const unrun = (why: string) => proveUnrun(ort, graph, result.graph, whole, why, options);
  let samples: Samples;
  let outputs: Tensors = {};
  try {
    const run = async (feed: Tensors) => {
      const got = await runAll(ort, before, "disabled", [feed]);
      [outputs] = got;
      return got;
    };
    samples = options.feeds
      ? { feeds: options.feeds, dims: {} }
      : await sampleInputs(ort, graph, types, run, ROUNDS, options);
  } catch (thrown) {
    const why = await refusal(ort, before, original);
    if (why === null) throw thrown;
    return unrun(why);
  }
  checkKept(graph.file.source.name, outputs, ROUNDS);
  const { feeds, dims } = samples;
  progress(0.05, "same when opened");
  const opening = closed ? await checkOpening(ort, closed, graph, judged, feeds) : null;
  progress(0.1, "same function");
  const same = await checkFunction(ort, before, result.runnable, feeds);
  if (same.outcome === "not run") return unrun(same.reason);
  const sites: FormulaReport[] = [];
  const reached = new Map<Augmented, Tensors>();
  const notFinite: Augmented[] = [];
  const groups = siteBatches(plan.sites, sizesIn(graph, types, feeds[0]));
  for (const batch of groups) {
    progress(0.4 + (0.2 * sites.length) / plan.sites.length, "right formula");
    const captured = await capture(ort, file, batch, feeds);
    for (const augmented of batch) {
      const run = captured.get(augmented);
      if (
        run &&
        Object.values(run.operands).some((each) => each.data.length > 0 && !holdsNumbers(each))
      )
        notFinite.push(augmented);
      if (run) reached.set(augmented, run.feeds);
      else if (alwaysRuns(augmented)) reached.set(augmented, feeds[0]);
      sites.push(
        run
          ? await checkFormula(ort, graph, result.graph, plan, augmented, run.operands)
          : await checkAlone(ort, graph, result.graph, plan, augmented, options),
      );
    }
  }
  const formula = ran(
    sites.every(({ passed }) => passed),
    { sites },
  );
  progress(0.6, "it can learn");
  // The rest is neutral, as the same-function check shows, and costs time in each of many runs.
  const learner = some ? buildGraph(patchedFile(graph.file, plan.patch)) : result.graph;
  const learning =
    same.error !== null
      ? notRun("onnxruntime does not run the result")
      : newTensors(plan.sites).some(({ name }) => !weightNamed(result.graph, name))
        ? notRun("new weights are missing")
        : await learnWhereReached(
            ort,
            learner,
            { plan, groups, judged: judged.names, notFinite },
            (augmented) => reached.get(augmented) ?? null,
            (done) => progress(0.6 + 0.4 * done, "it can learn"),
          );
  const checks: Check[] = [];
  if (opening) checks.push({ name: "same when opened", ...opening });
  checks.push(
    { name: "same function", ...same, dims },
    { name: "right formula", ...formula },
    { name: "nothing else changed", ...checkUnchanged(graph, result.graph, whole) },
    { name: "it can learn", ...learning },
  );
  if (options.alsoOrt) {
    progress(0.95, "a second opinion");
    const opinion = await secondOpinion(
      options.alsoOrt,
      file,
      judged.provable(result.graph.file),
      feeds,
    );
    checks.push({ name: "a second opinion", ...opinion });
  }
  progress(1, "done");
  const passed = checks.every(({ outcome }) => outcome === "passed");
  return { passed, checks, leftOut: null, sample: some?.sample ?? null };
}

/** Operators that run their bodies whatever the inputs are, and give no values out of them. */
const RUNNING = new Set(["SequenceMap", ...TOKEN_SEARCHES]);

/** Whether a site lies in bodies that are run on every input. */
const alwaysRuns = ({ site }: Augmented) => {
  const owners = [...outward(site.scope)].flatMap(({ owner }) => owner ?? []);
  return owners.length > 0 && owners.every(({ op }) => RUNNING.has(op));
};

/**
 * Why onnxruntime cannot run a sound model at all; null where it can. Throws an InputError where
 * it holds that the model is none.
 */
async function refusal(
  ort: Ort,
  model: Runnable,
  { graph, types }: Opened,
): Promise<string | null> {
  try {
    await withSession(ort, model, "disabled", async () => {});
  } catch (thrown) {
    if (NO_KERNEL.test(String(thrown)))
      return `onnxruntime has no kernels to run the original here (${reason(thrown)})`;
    throw unloadable(graph.file, thrown);
  }
  const { inputs, outputs } = graph.file.graph;
  const other = [...inputs, ...outputs].find(({ type }) => type && !type.tensor);
  if (other)
    return `onnxruntime's JavaScript API takes and gives tensors only, and ${other.name} is none`;
  for (const input of graph.main.inputs) {
    const { dtype = "" } = types.get(input) ?? {};
    if (dtype && !hasTensors(dtype))
      return `onnxruntime's JavaScript API has no ${dtype} tensors, which input ${input.name} takes`;
  }
  return null;
}

/** A site that no input reaches, on made-up operands: its plain sum at the start, and the formula. */
async function checkAlone(
  ort: Ort,
  original: Graph,
  result: Graph,
  plan: Plan,
  augmented: Augmented,
  options: SampleOptions,
): Promise<FormulaReport> {
  const { start, formula } = await checkSite(ort, original, result, plan, augmented, options);
  return { ...formula, passed: formula.passed && start.passed };
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
