import type { Tensor } from "onnxruntime-common";
import { checkGiven, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { writing } from "../../src/graph/builder.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { valuesOf } from "../../src/option-values.ts";
import { runBatch, type Tensors } from "../../src/ort/session.ts";
import { tensorOfBytes, toFloat64 } from "../../src/ort/tensors.ts";
import { weightOf } from "../adapter/weights.ts";
import { lossOf } from "../losses/index.ts";
import { rateAt, type Schedule, scheduleOf } from "../schedules/schedule.ts";
import { checkFinite } from "./diverged.ts";
import { type Evaluation, metricsOf, rowsOf, scalar, together } from "./evaluation.ts";
import type { FinetuneOptions, LossPlan, Step } from "./finetune-options.ts";
import { finetuneOptions, running } from "./finetune-options.ts";
import { checkTargetOf } from "./labels.ts";
import { type ModelWithLoss, withLoss } from "./model-with-loss.ts";
import { outputForLoss } from "./output-for-loss.ts";
import { SessionsBySize } from "./sessions-by-size.ts";
import { type StepPorts, stepModel } from "./step-graph.ts";
import { type StepOptions, withinStep } from "./step-options.ts";
import { axesOfOne, targetOf } from "./target-of.ts";
import { checkFollowed, Teacher } from "./teacher.ts";
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
  /** Name of the target as an input of the step: the model may have a value of the target's name. */
  readonly #port: string;
  /** The label that does not count; null if the loss has no labels. */
  readonly #ignored: number | null;
  readonly #steps: SessionsBySize<StepPorts>;
  readonly #forwards: SessionsBySize<Omit<ModelWithLoss, "model">>;
  #teacher: Teacher | null = null;
  /** Axes of the first target along which all sums are 1. */
  #sumsToOne: number[] | null = null;
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
    this.#port = writing(model.graph, "loss").fresh(options.target ?? "teacher");
    this.#ignored = lossOf(options.loss, options.lossOptions).options.ignoreIndex;
    this.#schedule = scheduleOf({ ...options });
    checkFollowed(options);
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
    const fed = this.#fed(await this.#taught(batch));
    const { output, reading, notes } = await withLoss(this.#model, this.#sized(fed));
    return { output, reading, notes };
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
    const parts: Evaluation[] = [];
    for await (const given of batches) {
      const fed = this.#fed(await this.#taught(given));
      const { session, ports } = await this.#forwards.of(fed);
      checkTargetOf(fed[this.#port], ports.reading, this.#ignored);
      const place = `batch ${parts.length + 1} of the evaluation`;
      const outputs = await runBatch(session, { ...fed, ...this.#weights }, place);
      const { loss, examples } = ports;
      const of = (name: string) => scalar(outputs[name]);
      const metrics = metricsOf(ports, of);
      parts.push({ rows: rowsOf(fed), examples: of(examples), loss: of(loss), metrics });
    }
    if (parts.length === 0) throw new InputError("there is nothing to evaluate on.");
    return together(parts);
  }

  /** Releases all sessions. */
  async close(): Promise<void> {
    await this.#steps.close();
    await this.#forwards.close();
    await this.#teacher?.close();
    this.#teacher = null;
  }

  async #take(batch: Tensors, place: number): Promise<Step> {
    const fed = this.#fed(batch);
    const { session, ports } = await this.#steps.of(fed);
    checkTargetOf(fed[this.#port], ports.reading, this.#ignored);
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
    const metrics = metricsOf(ports, (name) => scalar(outputs[name]));
    return { step, loss, metrics, examples: scalar(outputs[ports.examples]), lr, norm };
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

  /** Picks the model's inputs and the target from a batch. */
  #fed(batch: Tensors): Record<string, Tensor> {
    const inputs = this.#model.graph.main.inputs.map(({ name }) => [name, name]);
    return Object.fromEntries(
      [...inputs, [this.#port, this.#targetName()]].map(([port, name]) => {
        if (!batch[name])
          throw new InputError(`a batch has no ${name}; it has ${Object.keys(batch).join(", ")}.`);
        if (!batch[name].dims)
          throw new InputError(`${name} of a batch is not a Tensor of onnxruntime.`);
        return [port, batch[name]];
      }),
    );
  }

  /** The target's name in a batch; the teacher's output has a name of its own. */
  #targetName = () => (this.#options.teacher ? this.#port : (this.#options.target ?? this.#port));

  /** Adds the teacher's output to a batch, if there is a teacher. */
  async #taught(batch: Tensors): Promise<Tensors> {
    const { teacher, ort, output, threads } = this.#options;
    if (!teacher) return batch;
    const { types } = await typesOf(this.#model, ort);
    const value = output ?? outputForLoss(this.#model.graph, types, null).value.name;
    this.#teacher ??= new Teacher(teacher, ort, value, threads);
    return { ...batch, [this.#targetName()]: await this.#teacher.of(batch) };
  }

  /** The options of a step graph for tensors of these sizes. */
  #sized(fed: Tensors): StepOptions {
    this.#sumsToOne ??= axesOfOne(this.#options.loss, fed[this.#port]);
    const known = { called: this.#options.target, sumsToOne: this.#sumsToOne };
    const target = targetOf(this.#model, this.#port, fed[this.#port], known);
    const inputs = Object.fromEntries(Object.entries(fed).map(([key, { dims }]) => [key, dims]));
    const { teacher, schedule, scheduleSteps, lr, warmup, threads, ...options } = this.#options;
    return { ...options, target, inputs };
  }
}

/** Makes a trainer: `for await (const step of finetune(model, options).over(batches))`. */
export const finetune = (model: Model, options: FinetuneOptions) => new Trainer(model, options);
