import type { Tensor } from "onnxruntime-common";
import { checkGiven, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { writing } from "../../src/graph/builder.ts";
import { type Model, typesOf } from "../../src/model.ts";
import { runBatch, type Tensors } from "../../src/ort/session.ts";
import { tensorOfBytes, toFloat64 } from "../../src/ort/tensors.ts";
import { weightOf } from "../adapter/weights.ts";
import { lossOptionsOf } from "../losses/loss.ts";
import { checkSchedule, rateAt, type Schedule } from "../schedules/schedule.ts";
import { checkFinite } from "./diverged.ts";
import { type Evaluation, metricsOf, rowsOf, scalar, together } from "./evaluation.ts";
import type { FinetuneOptions, LossPlan, Step } from "./finetune-options.ts";
import { finetuning } from "./finetune-options.ts";
import { judgedOutput } from "./judged-output.ts";
import { checkTargetOf } from "./labels.ts";
import { SessionsBySize } from "./sessions-by-size.ts";
import { judged, type StepPorts, stepGraph, trainableOf } from "./step-graph.ts";
import { type StepOptions, withinStep } from "./step-options.ts";
import { axesOfOne, targetOf } from "./target-of.ts";
import { checkFollowed, Teacher } from "./teacher.ts";
import type { Slot } from "./update.ts";

type Batches = Iterable<Tensors> | AsyncIterable<Tensors>;

const DEFAULT_RATE = 1e-3;

/**
 * Fine-tunes a model's LAuReL weights, and further ones that `train` names, in the onnxruntime
 * that is handed in. Weights and optimizer state stay onnxruntime's own tensors from step to step.
 */
export class Finetuning {
  readonly #model: Model;
  readonly #options: FinetuneOptions;
  readonly #schedule: Schedule;
  /** The target as an input of what is run: an input or value of the model may have its name. */
  readonly #port: string;
  /** The label that does not count. */
  readonly #ignored: number;
  readonly #steps: SessionsBySize<StepPorts>;
  readonly #forwards: SessionsBySize<Pick<StepPorts, "loss" | "metrics" | "judged" | "reading">>;
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
    checkGiven("finetune", options, finetuning, withinStep);
    if (options.teacher) checkModel("finetune", options.teacher, "teacher");
    const { schedule = "constant", lr = DEFAULT_RATE, warmup = 0, steps = 0 } = options;
    this.#model = model;
    this.#options = options;
    this.#port = writing(model.graph, "loss").fresh(options.target ?? "teacher");
    this.#ignored = lossOptionsOf(options.lossOptions).ignoreIndex;
    this.#schedule = { name: schedule, lr, warmup, steps };
    checkSchedule(this.#schedule);
    checkFollowed(options);
    const { ort, threads = 0 } = options;
    this.#steps = new SessionsBySize(ort, threads, async (fed) => {
      const { whole, ...ports } = await stepGraph(model, this.#sized(fed));
      return { model: whole, ports };
    });
    this.#forwards = new SessionsBySize(ort, threads, async (fed) => {
      const { model: forward, ...ports } = await judged(model, this.#sized(fed));
      return { model: forward, ports };
    });
    this.#weights = Object.fromEntries(
      trainableOf(model, options.train).map(({ name }) => {
        const { dtype, data, dims } = weightOf(model, name);
        return [name, tensorOfBytes(ort, dtype, data, dims)];
      }),
    );
  }

  /**
   * Tells how the loss is computed for batches like this one: on which output, of which classes.
   * Throws an InputError where the target does not fit, or where nothing tells the axis of classes.
   */
  async plan(batch: Tensors): Promise<LossPlan> {
    const fed = this.#fed(await this.#taught(batch));
    const { output, reading, notes } = await judged(this.#model, this.#sized(fed));
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

  /** Goes on from weights, state and step of an earlier training of the same model. */
  resume(weights: Tensors, state: Tensors, step: number): void {
    this.#weights = { ...this.#weights, ...weights };
    this.#before = null;
    this.#state = { ...state };
    this.#step = step;
  }

  /** Goes back to the last weights that are known to give a finite loss, those of the last step. */
  stepBack(): void {
    this.#weights = this.#before ?? this.#weights;
    this.#before = null;
  }

  /**
   * Takes a step on each batch, passing over the first `after`, on which steps have been taken.
   * Throws a DivergedError where loss or gradient is not finite.
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
   * Loss and metrics over all batches together: a batch counts by what is judged in it, labels that
   * are not ignored or elements. Changes nothing.
   */
  async evaluate(batches: Batches): Promise<Evaluation> {
    const parts: Evaluation[] = [];
    for await (const given of batches) {
      const fed = this.#fed(await this.#taught(given));
      const { session, ports } = await this.#forwards.of(fed);
      checkTargetOf(fed[this.#port], ports.reading, this.#ignored);
      const place = `batch ${parts.length + 1} of the evaluation`;
      const outputs = await runBatch(session, { ...fed, ...this.#weights }, place);
      const { loss, judged } = ports;
      const of = (name: string) => scalar(outputs[name]);
      const metrics = metricsOf(ports, of);
      parts.push({ rows: rowsOf(fed), judged: of(judged), loss: of(loss), metrics });
    }
    if (parts.length === 0) throw new InputError("there is nothing to evaluate on.");
    return together(parts);
  }

  /** Lets go of all sessions. */
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
    return { step, loss, metrics, judged: scalar(outputs[ports.judged]), lr, norm };
  }

  #stateOf({ weight, dims, state }: Slot): [string, Tensor][] {
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

  /** What of a batch goes into a step: the model's inputs and the target. */
  #fed(batch: Tensors): Record<string, Tensor> {
    const inputs = this.#model.graph.main.inputs.map(({ name }) => [name, name]);
    return Object.fromEntries(
      [...inputs, [this.#port, this.#targetName()]].map(([port, name]) => {
        if (!batch[name])
          throw new InputError(`a batch has no ${name}; it has ${Object.keys(batch).join(", ")}.`);
        if (!batch[name].dims)
          throw new InputError(`${name} of a batch is no Tensor of onnxruntime's.`);
        return [port, batch[name]];
      }),
    );
  }

  /** What the target is called in a batch; what the teacher gives has a name of its own. */
  #targetName = () => (this.#options.teacher ? this.#port : (this.#options.target ?? this.#port));

  /** The batch with what the teacher gives, where there is one. */
  async #taught(batch: Tensors): Promise<Tensors> {
    const { teacher, ort, output, threads } = this.#options;
    if (!teacher) return batch;
    const { types } = await typesOf(this.#model, ort);
    const value = output ?? judgedOutput(this.#model.graph, types, null).value.name;
    this.#teacher ??= new Teacher(teacher, ort, value, threads);
    return { ...batch, [this.#targetName()]: await this.#teacher.of(batch) };
  }

  /** What step graphs are made with, for tensors of these sizes. */
  #sized(fed: Tensors): StepOptions {
    this.#sumsToOne ??= axesOfOne(this.#options.loss, fed[this.#port]);
    const told = { called: this.#options.target, sumsToOne: this.#sumsToOne };
    const target = targetOf(this.#model, this.#port, fed[this.#port], told);
    const inputs = Object.fromEntries(Object.entries(fed).map(([key, { dims }]) => [key, dims]));
    const { teacher, schedule, lr, warmup, steps, threads, ...options } = this.#options;
    return { ...options, target, inputs };
  }
}

/** Begins to fine-tune a model: `for await (const step of finetune(model, options).over(batches))`. */
export const finetune = (model: Model, options: FinetuneOptions) => new Finetuning(model, options);
