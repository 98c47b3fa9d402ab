import type { Tensor } from "onnxruntime-common";
import { checkGiven, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { valuesOf } from "../../src/option-values.ts";
import { runBatch, type Tensors } from "../../src/ort/session.ts";
import { tensorOfBytes, toFloat64 } from "../../src/ort/tensors.ts";
import { weightOf } from "../adapter/weights.ts";
import { rateAt, type Schedule, scheduleOf } from "../schedules/schedule.ts";
import { checkFinite } from "./diverged.ts";
import { type Evaluation, figuresOf, scalar, summed, together } from "./evaluation.ts";
import { FedTerms } from "./fed-terms.ts";
import type { FinetuneOptions, LossPlan, Step } from "./finetune-options.ts";
import { finetuneOptions, running } from "./finetune-options.ts";
import { type AttachedTerm, type ModelWithLoss, withLoss } from "./model-with-loss.ts";
import { outputForLoss } from "./output-for-loss.ts";
import { SessionsBySize } from "./sessions-by-size.ts";
import { type StepPorts, stepModel } from "./step-graph.ts";
import { type StepOptions, withinStep } from "./step-options.ts";
import { Teacher } from "./teacher.ts";
import { trainedWeights } from "./trained-weights.ts";
import type { StateSlot } from "./update.ts";

/** Batches one by one: the model's inputs and the target, by name. */
export type Batches = Iterable<Tensors> | AsyncIterable<Tensors>;

/**
 * Trains a model's LAuReL weights, and further ones that `train` names, step by step, in the
 * onnxruntime that is passed in. `fit` runs epochs of it. Weights and optimizer state stay onnxruntime's own tensors from step to step.
 */
export class Trainer {
  readonly #model: Model;
  readonly #options: FinetuneOptions;
  readonly #schedule: Schedule;
  /** The losses, and what a batch brings for them. */
  readonly #terms: FedTerms;
  readonly #steps: SessionsBySize<StepPorts>;
  readonly #forwards: SessionsBySize<Omit<ModelWithLoss, "model">>;
  #teacher: Teacher | null = null;
  #weights: Record<string, Tensor>;
  /** The weights of the last step, before it moved them: these gave a finite loss. */
  #before: Record<string, Tensor> | null = null;
  #state: Record<string, Tensor> = {};
  #step = 0;
  /** Steps that are asked for side by side are taken one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(model: Model, options: FinetuneOptions) {
    checkModel("finetune", model);
    checkGiven("finetune", options, finetuneOptions, withinStep);
    if (options.teacher) checkModel("finetune", options.teacher, "teacher");
    const { threads } = valuesOf(running, { ...options });
    this.#model = model;
    this.#options = options;
    this.#terms = new FedTerms(model, options);
    this.#schedule = scheduleOf({ ...options });
    const { ort } = options;
    this.#steps = new SessionsBySize(ort, threads, (fed) => stepModel(model, this.#sized(fed)));
    this.#forwards = new SessionsBySize(ort, threads, async (fed) => {
      const { model: forward, ...ports } = await withLoss(model, this.#sized(fed));
      return { model: forward, ports };
    });
    this.#weights = Object.fromEntries(
      trainedWeights(model, options.train).map(({ name }) => {
        const { dtype, data, dims } = weightOf(model, name);
        return [name, tensorOfBytes(ort, dtype, data, dims)];
      }),
    );
  }

  /**
   * Returns how the loss is computed for batches like this one: on which output, of which classes.
   * Throws an InputError if the target does not fit, or if the axis of classes is ambiguous.
   */
  async plan(batch: Tensors): Promise<LossPlan> {
    const fed = this.#terms.feeds(await this.#taught(batch));
    const { output, reading, notes, terms } = await withLoss(this.#model, this.#sized(fed));
    const plans = terms.map(({ label, loss, output, weight, reading }) => {
      return { label, loss, output, weight, reading };
    });
    return { terms: plans, output, reading, notes };
  }

  /** Steps taken so far. */
  get step(): number {
    return this.#step;
  }

  /** The trained weights as they are now, by name. */
  get weights(): Tensors {
    return this.#weights;
  }

  /** The optimizer's tensors as they are now, by name. */
  get state(): Tensors {
    return this.#state;
  }

  /** Continues from weights, state and step of an earlier training of the same model. */
  resume(weights: Tensors, state: Tensors, step: number): void {
    this.#weights = { ...this.#weights, ...weights };
    this.#before = null;
    this.#state = { ...state };
    this.#step = step;
  }

  /** Returns to the weights from before the last step, which gave a finite loss. */
  stepBack(): void {
    this.#weights = this.#before ?? this.#weights;
    this.#before = null;
  }

  /**
   * Takes a step on each batch but the first `after`, on which steps have been taken. Throws a
   * DivergedError if loss or gradient is not finite.
   */
  async *over(batches: Batches, after = 0): AsyncGenerator<Step> {
    let place = 0;
    for await (const batch of batches)
      if (++place > after) {
        const step = this.#turn.then(async () => this.#take(await this.#taught(batch), place));
        this.#turn = step.catch(() => {});
        yield await step;
      }
  }

  /**
   * Returns loss and metrics over all batches together: a batch counts by its number of examples,
   * labels that are not ignored or elements. Changes nothing.
   */
  async evaluate(batches: Batches): Promise<Evaluation> {
    const parts: Evaluation[][] = [];
    let terms: readonly AttachedTerm[] = [];
    for await (const given of batches) {
      const fed = this.#terms.feeds(await this.#taught(given));
      const { session, ports } = await this.#forwards.of(fed);
      terms = ports.terms;
      this.#terms.check(fed, terms);
      const place = `batch ${parts.length + 1} of the evaluation`;
      const outputs = await runBatch(session, { ...fed, ...this.#weights }, place);
      parts.push(figuresOf(terms, this.#terms.rows(fed), (name) => scalar(outputs[name])));
    }
    if (parts.length === 0) throw new InputError("there is nothing to evaluate on.");
    const ofEach = terms.map((_, k) => together(parts.map((part) => part[k])));
    return summed(terms, ofEach);
  }

  /** Releases all sessions. */
  async close(): Promise<void> {
    await this.#steps.close();
    await this.#forwards.close();
    await this.#teacher?.close();
    this.#teacher = null;
  }

  async #take(batch: Tensors, place: number): Promise<Step> {
    const fed = this.#terms.feeds(batch);
    const { session, ports } = await this.#steps.of(fed);
    this.#terms.check(fed, ports.terms);
    const step = this.#step + 1;
    const lr = rateAt(this.#schedule, step);
    const { ort } = this.#options;
    const number = (value: number) => new ort.Tensor("float32", Float32Array.of(value), []);
    const feeds = {
      ...fed,
      ...this.#weights,
      ...Object.fromEntries(ports.slots.flatMap((slot) => this.#stateOf(slot))),
      [ports.lr]: number(lr),
      [ports.step]: number(step),
    };
    const outputs = await runBatch(session, feeds, `step ${step}, batch ${place},`);
    const [loss, norm] = [scalar(outputs[ports.loss]), scalar(outputs[ports.norm])];
    if (!Number.isFinite(loss)) this.stepBack();
    checkFinite(loss, norm, step, place);
    this.#before = this.#weights;
    this.#weights = { ...this.#weights };
    for (const slot of ports.slots) {
      this.#weights[slot.weight] = outputs[slot.newWeight];
      for (const { input, output } of slot.state) this.#state[input] = outputs[output];
    }
    this.#step = step;
    const of = (name: string) => scalar(outputs[name]);
    const { metrics, examples } = summed(
      ports.terms,
      figuresOf(ports.terms, this.#terms.rows(fed), of),
    );
    return { step, loss, metrics, examples, lr, norm };
  }

  #stateOf({ weight, dims, state }: StateSlot): [string, Tensor][] {
    return state.map(({ input, dtype, copies }) => {
      const known = this.#state[input];
      if (known) return [input, known];
      if (this.#step > 0)
        throw new InputError(
          `the state after step ${this.#step} has no ${input}; it is another optimizer's.`,
        );
      const start = copies
        ? toFloat64(this.#weights[weight])
        : new Float64Array(dims.reduce((a, b) => a * b, 1));
      const values = dtype === "double" ? start : Float32Array.from(start);
      const type = dtype === "double" ? "float64" : "float32";
      return [input, new this.#options.ort.Tensor(type as "float32", values as Float32Array, dims)];
    });
  }

  /** Adds the teacher's outputs to a batch, if there is a teacher. */
  async #taught(batch: Tensors): Promise<Tensors> {
    const { teacher, ort, threads } = this.#options;
    if (!teacher) return batch;
    const distils = this.#terms.terms.filter(({ chosen }) => chosen.loss.distils);
    const { types } = await typesOf(this.#model, ort);
    const { outputs } = this.#model.graph.main;
    const followed = distils.map(({ target, output: given, from }) => {
      const output = given ?? outputForLoss(this.#model.graph, types, null).value.name;
      const inner = !outputs.some(({ name }) => name === output);
      return { wanted: target, output, inner, as: from! };
    });
    this.#teacher ??= new Teacher(teacher, ort, followed, threads);
    return { ...batch, ...(await this.#teacher.of(batch)) };
  }

  /** The options of a step graph for tensors of these sizes. */
  #sized(fed: Tensors): StepOptions {
    const inputs = Object.fromEntries(Object.entries(fed).map(([key, { dims }]) => [key, dims]));
    const { ort, train, optimizer, optimizerOptions, rules } = this.#options;
    const losses = this.#terms.stepTerms(fed);
    return { ort, train, optimizer, optimizerOptions, rules, losses, inputs };
  }
}

/** Makes a trainer: `for await (const step of finetune(model, options).over(batches))`. */
export const finetune = (model: Model, options: FinetuneOptions) => new Trainer(model, options);
