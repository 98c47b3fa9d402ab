import { checkArgument, checkGiven, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { valuesOf } from "../../src/option-values.ts";
import { runBatch, type Tensors } from "../../src/ort/session.ts";
import { Accumulation } from "./accumulation.ts";
import { copiedInput } from "./check-target.ts";
import { type Evaluation, figuresOf, summed, together } from "./evaluation.ts";
import { FedTerms } from "./fed-terms.ts";
import {
  type FinetuneOptions,
  finetuneOptions,
  type LossPlan,
  running,
  type Step,
} from "./finetune-options.ts";
import { floatCopy } from "./float-copy.ts";
import { type LoopCounts, loopCounts } from "./loop-counts.ts";
import { type Measures, measuresOf } from "./measures.ts";
import { type AttachedTerm, type ModelWithLoss, withLoss } from "./model-with-loss.ts";
import { outputForLoss } from "./output-for-loss.ts";
import { type SessionsBySize, sessionsBySize } from "./sessions-by-size.ts";
import { type StepPorts, stepModel } from "./step-graph.ts";
import { type StepOptions, withinStep } from "./step-options.ts";
import { runTeacher } from "./teacher.ts";
import { comparingNotes, trainedTerms } from "./terms.ts";
import { TrainState } from "./train-state.ts";
import { trainedWeights } from "./trained-weights.ts";

/** Batches one by one: the model's inputs and the target, by name. */
export type Batches = Iterable<Tensors> | AsyncIterable<Tensors>;

/**
 * Trains a model's LAuReL weights, and further ones that `train` names, step by step, in the
 * onnxruntime that is passed in. `fit` runs epochs of it. Weights and optimizer state stay
 * onnxruntime's own tensors from step to step.
 */
export class Trainer extends TrainState {
  readonly #model: Model;
  readonly #options: FinetuneOptions;
  readonly #loops: LoopCounts;
  /** The losses, and what a batch brings for them. */
  readonly #terms: FedTerms;
  readonly #measures: Measures;
  readonly #steps: SessionsBySize<StepPorts>;
  /** Adds up batches; null if each batch makes a step. */
  readonly #accumulation: Accumulation | null;
  readonly #accumulate: number;
  readonly #forwards: SessionsBySize<Omit<ModelWithLoss, "model">>;
  #teacher: ReturnType<typeof runTeacher> | null = null;
  /** Steps that are requested at the same time are taken one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(original: Model, asked: FinetuneOptions) {
    checkModel("finetune", original);
    checkGiven("finetune", asked, finetuneOptions, withinStep);
    if (asked.teacher) checkModel("finetune", asked.teacher, "teacher");
    const given = floatCopy(original);
    const options = asked.teacher ? { ...asked, teacher: floatCopy(asked.teacher) } : asked;
    const { threads, accumulate } = valuesOf(running, { ...options });
    const { ort, train } = options;
    const names = trainedWeights(given, train).map(({ name }) => name);
    const loops = loopCounts(given, ort, names, trainedTerms(options));
    const { model } = loops;
    const terms = new FedTerms(model, options);
    super(model, options, terms.hint);
    this.#loops = loops;
    this.#model = model;
    this.#options = options;
    this.#terms = terms;
    this.#measures = measuresOf(options.metrics);
    const sized = (fed: Tensors) => this.#sized(fed);
    this.#steps = sessionsBySize(ort, threads, (fed) => stepModel(model, sized(fed)));
    this.#accumulate = accumulate;
    const adding = { ort, threads, sized, terms };
    this.#accumulation = accumulate > 1 ? new Accumulation(model, adding) : null;
    this.#forwards = sessionsBySize(ort, threads, async (fed) => {
      const { needs } = this.#measures;
      const { model: forward, ...ports } = await withLoss(model, sized(fed), needs);
      return { model: forward, ports };
    });
  }

  /**
   * Returns how the loss is computed for batches like this one: on which output, of which classes.
   * Throws an InputError if the target does not fit, or if the axis of classes is ambiguous.
   */
  async plan(batch: Tensors): Promise<LossPlan> {
    const fed = await this.#feeds(batch);
    const { needs } = this.#measures;
    const planned = await withLoss(this.#model, this.#sized(fed), needs);
    const { output, reading, notes, terms } = planned;
    this.#measures.check(terms);
    const more = comparingNotes(this.#terms.terms, this.#terms.rows(fed), this.#accumulate);
    const plans = terms.map(({ label, loss, output, weight, reading }) => {
      return { label, loss, output, weight, reading };
    });
    const copies = this.#terms.terms.flatMap((term, k) => copiedInput(batch, term, plans[k]) ?? []);
    return { terms: plans, output, reading, notes: [...notes, ...more, ...copies] };
  }

  /**
   * Takes a step on each batch, or on each group of batches that are added up, and yields its
   * figures. Skips the first `after` steps, which were taken before. Throws a DivergedError if loss
   * or gradient is not finite.
   */
  async *over(batches: Batches, after = 0): AsyncGenerator<Step> {
    let place = 0;
    checkBatches(batches);
    for await (const group of groups(batches, this.#accumulate))
      if (++place > after) {
        const step = this.#turn.then(() => this.#take(group, place));
        this.#turn = step.catch(() => {});
        yield await step;
      }
  }

  /**
   * Returns loss and metrics over all batches together: a batch counts by its number of examples,
   * labels that are not ignored or elements. Changes nothing.
   */
  async evaluate(batches: Batches): Promise<Evaluation> {
    checkBatches(batches);
    const parts: Evaluation[][] = [];
    let terms: readonly AttachedTerm[] = [];
    let tallies: ReturnType<Measures["begin"]> | null = null;
    for await (const batch of batches) {
      const fed = await this.#feeds(batch);
      const { session, ports } = await this.#forwards.of(fed);
      terms = ports.terms;
      this.#terms.check(fed, terms);
      const place = `batch ${parts.length + 1} of the evaluation`;
      const outputs = await runBatch(session, { ...fed, ...this.weights }, place);
      tallies ??= this.#measures.begin(terms);
      tallies.add(terms, outputs);
      parts.push(figuresOf(terms, this.#terms.rows(fed), outputs));
    }
    if (tallies === null) throw new InputError("there is no batch to evaluate on; give one.");
    const exact = tallies.metrics();
    const ofEach = terms.map((_, k) => {
      const own = together(parts.map((part) => part[k]));
      return { ...own, metrics: { ...exact[k], ...own.metrics, ...exact[k] } };
    });
    return { ...summed(terms, ofEach), confusion: tallies.confusion(terms) };
  }

  /** Releases all sessions. */
  async close(): Promise<void> {
    await this.#steps.close();
    await this.#forwards.close();
    await this.#accumulation?.close();
    await this.#loops.close();
    await this.#teacher?.close();
    this.#teacher = null;
  }

  async #take(group: readonly Tensors[], place: number): Promise<Step> {
    const batches: Tensors[] = [];
    for (const batch of group) batches.push(await this.#feeds(batch));
    const where = `step ${this.step + 1}, batch ${place},`;
    if (this.#accumulation) {
      const added = await this.#accumulation.of(batches, this.weights, where);
      const outputs = await this.update(added.update, added.gradients, where);
      return this.keep(added.update.ports, outputs, added.figures, place);
    }
    const [fed] = batches;
    const { session, ports } = await this.#steps.of(fed);
    this.#terms.check(fed, ports.terms);
    const outputs = await this.update({ session, ports }, fed, where);
    const figures = figuresOf(ports.terms, this.#terms.rows(fed), outputs);
    return this.keep(ports, outputs, summed(ports.terms, figures), place);
  }

  /** What a batch brings to a step, and what it decides. */
  async #feeds(batch: Tensors): Promise<Tensors> {
    const fits = typeof batch === "object" && batch !== null;
    checkArgument("a trainer", batch, fits, "batches that are objects of tensors by name");
    return this.#terms.feeds(await this.#loops.in(await this.#taught(batch), this.weights));
  }

  /** Adds the teacher's outputs to a batch, if there is a teacher. */
  async #taught(batch: Tensors): Promise<Tensors> {
    const { teacher } = this.#options;
    if (!teacher) return batch;
    this.#teacher ??= await this.#started(teacher);
    return { ...batch, ...(await this.#teacher.of(batch)) };
  }

  async #started(teacher: Model) {
    const { ort, threads } = this.#options;
    const { graph } = this.#model;
    const { types } = await typesOf(this.#model, ort);
    const distils = this.#terms.terms.filter(({ chosen }) => chosen.loss.distils);
    const followed = distils.map(({ target, output: given, from }) => {
      const output = given ?? outputForLoss(graph, types, null).value.name;
      const inner = !graph.main.outputs.some(({ name }) => name === output);
      return { wanted: target, output, inner, as: from! };
    });
    return runTeacher(teacher, followed, { ort, threads });
  }

  /** The options of a step graph for tensors of these sizes. */
  #sized(fed: Tensors): StepOptions {
    const inputs = Object.fromEntries(Object.entries(fed).map(([key, { dims }]) => [key, dims]));
    return { ...this.#options, target: undefined, losses: this.#terms.stepTerms(fed), inputs };
  }
}

function checkBatches(given: unknown): void {
  const fits =
    typeof given === "object" &&
    given !== null &&
    (Symbol.asyncIterator in given || Symbol.iterator in given);
  checkArgument("a trainer", given, fits, "an iterable of batches");
}

/** Batches in groups of so many; the last may be smaller. */
async function* groups(batches: Batches, size: number): AsyncGenerator<Tensors[]> {
  let group: Tensors[] = [];
  for await (const batch of batches) {
    group.push(batch);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Makes a trainer: `for await (const step of finetune(model, options).over(batches))`. */
export const finetune = (model: Model, options: FinetuneOptions) => new Trainer(model, options);
