import { floatsBeforeLoss } from "../../src/compare/comparable.ts";
import { nudgedBaseline } from "../../src/compare/nudged-weights.ts";
import { type NotRun, notRun, type Outcome, ran } from "../../src/compare/outcome.ts";
import { type FunctionReport, type OutputReport, sameFunction } from "../../src/compare/outputs.ts";
import { secondOpinion } from "../../src/compare/second-opinion.ts";
import { buildGraph } from "../../src/graph/build.ts";
import type { Graph, Types } from "../../src/graph/graph.ts";
import { patchedFile } from "../../src/graph/patch.ts";
import { weightNamed } from "../../src/graph/scopes.ts";
import { checkSizes } from "../../src/infer/shape-lengths.ts";
import type { ModelFile } from "../../src/onnx/model-file.ts";
import { stepper } from "../../src/ort/abortable.ts";
import { withOutputs } from "../../src/ort/expose.ts";
import { isRandom } from "../../src/ort/fixed-seeds.ts";
import { runnable } from "../../src/ort/loading.ts";
import { reason } from "../../src/ort/messages.ts";
import type { Ort, Runnable, Tensors } from "../../src/ort/session.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";
import type { Check, Proof, ProofOptions } from "./checks.ts";
import { newTensors } from "./displacing.ts";
import type { FormulaReport } from "./formula.ts";
import { learnWhereReached } from "./learn-where-reached.ts";
import { withLearningRuns } from "./learning.ts";
import type { Asked, LearningRuns } from "./learning-runs.ts";
import { checkLowering, type LoweredOriginal } from "./lowering-check.ts";
import { capture, operandsOfAll, siteBatches, sizesIn, sumSizes } from "./operands.ts";
import { type ProofInputs, proofInputs } from "./proof-inputs.ts";
import { proveUnrun } from "./prove-sites.ts";
import { sampledPlan } from "./sample.ts";
import { checkFormulas } from "./site-formulas.ts";
import type { Subject } from "./site-nodes.ts";
import { SiteSums } from "./sums-together.ts";
import { checkUnchanged } from "./unchanged.ts";

/** A result, what it was made from, and what was inserted. */
export interface Proved {
  readonly ort: Ort;
  readonly original: LoweredOriginal;
  readonly result: { readonly graph: Graph; readonly runnable: Runnable };
  readonly plan: Plan;
}

/**
 * Proves a laurelized model against its original in onnxruntime. It must compute the same function,
 * every site must compute the paper's formula once its weights are not neutral, nothing but the
 * sites may have changed, and every new tensor must be able to learn. With `alsoOrt`, another
 * runtime must agree. If anything was lowered, the lowered model is checked against the original
 * first, and everything else against the lowered one.
 */
export async function runChecks(proved: Proved, options: ProofOptions = {}): Promise<Proof> {
  const { ort, original, result, plan: whole } = proved;
  const { graph, types, closed, comparable } = original;
  const progress = stepper(options);
  checkSizes(graph, types);
  progress(0, "sample inputs");
  const all = { ort, original: graph, result: result.graph, plan: whole };
  const file = comparable.provable(graph.file);
  const inputs = await proofInputs(ort, original, runnable(file), options);
  if (typeof inputs === "string") return proveUnrun(all, inputs, options);
  const { feeds, dims } = inputs;
  progress(0.05, "same when lowered");
  const lowering = closed
    ? await onFewOrAll(inputs, (some) => checkLowering(ort, original, closed, some))
    : null;
  progress(0.1, "same function");
  const same = await checkFunction(proved, file, inputs);
  if (same.outcome === "not run") return proveUnrun(all, same.reason, options);
  const some = options.allSites ? null : sampledPlan(whole);
  const subject = { ...all, plan: some?.plan ?? whole };
  const isSteady =
    same.outcome === "passed" &&
    !isRandom(file) &&
    same.outputs.every(({ plain }) => plain.bitEqual);
  const asked =
    same.error === null
      ? askedOf(proved, subject, isSteady)
      : notRun("onnxruntime does not run the result");
  const { sites, learning } = await checkSites(subject, { file, types, feeds, asked }, options);
  const checks: Check[] = lowering ? [{ name: "same when lowered", ...lowering }] : [];
  checks.push(
    { name: "same function", ...same, dims },
    { name: "right formula", ...ran(sites.every(isRight), { sites }) },
    { name: "nothing else changed", ...checkUnchanged(graph, result.graph, whole) },
    { name: "it can learn", ...learning },
    ...(await opinions(proved, inputs, options)),
  );
  progress(1, "done");
  const passed = checks.every(({ outcome }) => outcome === "passed");
  return { passed, checks, leftOut: null, sample: some?.sample ?? null };
}

const isRight = ({ passed }: FormulaReport) => passed;

/** The check on the new tensors of some sites, except for how they are run. */
type AskedTensors = Omit<Asked, "groups" | "sums" | "step">;

/** Returns the check on the new tensors of a plan's sites, a sample or all; or why there is none. */
function askedOf(
  { original: { graph, types, comparable }, plan: whole }: Proved,
  { ort, result, plan }: Subject,
  isSteady: boolean,
): AskedTensors | NotRun {
  if (newTensors(plan.sites).some(({ name }) => !weightNamed(result, name)))
    return notRun("new weights are missing");
  // The rest is neutral, as the same-function check shows, and costs time in each of many runs.
  const learner = plan === whole ? result : buildGraph(patchedFile(graph.file, plan.patch));
  const stepped = floatsBeforeLoss(graph, types);
  return {
    ort,
    result: learner,
    plan,
    comparable: comparable.names,
    stepped,
    original: graph,
    isSteady,
  };
}

interface SiteRuns {
  readonly file: ModelFile;
  readonly types: Types;
  readonly feeds: readonly Tensors[];
  readonly asked: AskedTensors | NotRun;
}

/** How often the progress counts each site: effects and movers, at the start and after. */
const STEPS = 4;

/**
 * Checks that the sites compute the formula, and that their new tensors can learn. One run gives
 * both the operands of all sites, if they are held at once and in no body.
 */
async function checkSites(
  subject: Subject,
  { file, types, feeds, asked }: SiteRuns,
  options: ProofOptions,
) {
  const { ort, original, plan } = subject;
  const progress = stepper(options);
  const sizes = sizesIn(original, types, feeds[0]);
  const groups = siteBatches(await sumSizes(ort, file, plan.sites, { sizes, feeds: feeds[0] }));
  const sums = new SiteSums(ort);
  let counted = 0;
  const step = () => {
    const done = Math.min(1, ++counted / (STEPS * plan.sites.length));
    progress(0.6 + 0.4 * done, "it can learn");
  };
  const check = async (started: LearningRuns | null) => {
    const captured = async (some: readonly InsertedSite[]) =>
      started
        ? operandsOfAll(ort, started.exposed, some, started.start)
        : capture(ort, file, some, feeds);
    const runs = { feeds, groups, captured, sums };
    const { sites, ...formulas } = await checkFormulas(subject, runs, options);
    progress(0.6, "it can learn");
    if ("outcome" in asked) return { sites, learning: asked };
    const learning = await learnWhereReached({
      ...asked,
      groups,
      sums,
      step,
      started,
      ...formulas,
    });
    return { sites, learning };
  };
  const areInMain = plan.sites.every(({ site }) => site.scope.kind === "main");
  const areTogether = groups.length === 1 && areInMain;
  const checks =
    "outcome" in asked || !areTogether
      ? check(null)
      : withLearningRuns({ ...asked, groups, sums, step }, feeds[0], check);
  return checks.finally(() => sums.close());
}

/** The same-function check under another runtime, if one is given. */
async function opinions(
  { original: { graph, comparable }, result }: Proved,
  inputs: ProofInputs,
  { alsoOrt, ...watched }: ProofOptions,
): Promise<Check[]> {
  if (!alsoOrt) return [];
  stepper(watched)(0.95, "a second opinion");
  const [before, after] = [graph, result.graph].map(({ file }) => comparable.provable(file));
  const opinion = await onFewOrAll(inputs, (feeds) => secondOpinion(alsoOrt, before, after, feeds));
  return [{ name: "a second opinion", ...opinion }];
}

/** The original's outputs on all inputs of a comparison, if they are known. */
type KnownOutputs = { readonly plain?: readonly Tensors[] };

/**
 * Compares on the inputs of which the original's outputs are known, and on all of them if that
 * fails: more inputs may show that the original is noisier, or differs from run to run.
 */
async function onFewOrAll<Report>(
  { feeds, plain }: ProofInputs,
  check: (feeds: readonly Tensors[], known: KnownOutputs) => Promise<Outcome<Report>>,
): Promise<Outcome<Report>> {
  const few = plain && (await check(feeds.slice(0, plain.length), { plain }));
  return few?.outcome === "passed" ? few : check(feeds, {});
}

/**
 * Compares outputs. If each holds one number only, beside NaN and infinities, which any model may
 * give, the floats that they are made of and the last site's sum are compared, too.
 */
async function checkFunction(
  { ort, original, result, plan }: Proved,
  file: ModelFile,
  inputs: ProofInputs,
): Promise<Outcome<FunctionReport>> {
  const { graph, types, comparable } = original;
  const compared = (before: ModelFile, after: Runnable, known: ProofInputs) =>
    onFewOrAll(known, async (feeds, outputs) =>
      sameFunction(ort, await nudgedBaseline(ort, before, feeds, outputs), after),
    ).catch((thrown) => notRun(`onnxruntime does not take the original (${reason(thrown)})`));
  const same = await compared(file, result.runnable, inputs);
  const tells = ({ plain, constant }: OutputReport) => plain.magnitude > 0 && !constant;
  if (same.outcome !== "passed" || same.outputs.some(tells)) return same;
  const { output: last } = plan.sites.at(-1)!.site;
  const sum = last.scope.kind === "main" ? [last.name] : [];
  const beside = [...new Set([...floatsBeforeLoss(graph, types), ...sum])];
  const [before, after] = [file, comparable.provable(result.graph.file)].map((each) =>
    withOutputs(each, beside),
  );
  const more = await compared(before, runnable(after), { ...inputs, plain: null });
  return more.outcome === "not run" ? same : { ...more, beside };
}
