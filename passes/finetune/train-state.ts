import type { Tensor } from "onnxruntime-common";
import { InputError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { type Ort, runBatch, type Tensors } from "../../src/ort/session.ts";
import {
  numberOf,
  scalarTensor,
  tensorOfBytes,
  tensorOfFloats,
  toFloat64,
} from "../../src/ort/tensors.ts";
import { weightOf } from "../adapter/weights.ts";
import { momentumAt, rateAt, type Schedule, scheduleOf } from "../schedules/schedule.ts";
import { checkFinite } from "./diverged.ts";
import type { Evaluation } from "./evaluation.ts";
import type { FinetuneOptions, Step } from "./finetune-options.ts";
import type { Prepared } from "./sessions-by-size.ts";
import { trainedWeights } from "./trained-weights.ts";
import type { StateSlot, UpdatePorts } from "./update.ts";

/** Weights and optimizer state of a training, which stay onnxruntime's own tensors from step to step. */
export class TrainState {
  readonly #ort: Ort;
  readonly #schedule: Schedule;
  /** What may be wrong if the loss is infinite, a clause. */
  readonly #hint: string | null;
  #weights: Record<string, Tensor>;
  /** The weights of the last step, before it moved them: these gave a finite loss. */
  #before: Record<string, Tensor> | null = null;
  #state: Record<string, Tensor> = {};
  #step = 0;

  constructor(model: Model, options: FinetuneOptions, hint: string | null) {
    const { ort, train } = options;
    this.#ort = ort;
    this.#schedule = scheduleOf({ ...options });
    this.#hint = hint;
    this.#weights = Object.fromEntries(
      trainedWeights(model, train).map(({ name }) => {
        const { dtype, data, dims } = weightOf(model, name);
        return [name, tensorOfBytes(ort, dtype, data, dims)];
      }),
    );
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

  /** Runs a graph that updates weights and state by what it is fed. */
  protected async update({ session, ports }: Prepared<UpdatePorts>, fed: Tensors, where: string) {
    const step = this.#step + 1;
    const taken = new Set(session.inputNames);
    const feeds = {
      ...fed,
      ...Object.fromEntries(Object.entries(this.#weights).filter(([name]) => taken.has(name))),
      ...Object.fromEntries(ports.slots.flatMap((slot) => this.#stateOf(slot))),
      [ports.lr]: scalarTensor(this.#ort, rateAt(this.#schedule, step)),
      [ports.step]: scalarTensor(this.#ort, step),
      ...(ports.momentum
        ? { [ports.momentum]: scalarTensor(this.#ort, momentumAt(this.#schedule, step)!) }
        : {}),
    };
    return runBatch(session, feeds, where);
  }

  /** Keeps the new weights and state of a step. Throws a DivergedError if it is not finite. */
  protected keep(ports: UpdatePorts, outputs: Tensors, figures: Evaluation, place: number): Step {
    const { loss, metrics, examples } = figures;
    const step = this.#step + 1;
    const norm = numberOf(outputs[ports.norm]);
    // Without examples there is no mean, and the gradient is 0.
    const known = examples > 0 ? loss : 0;
    if (!Number.isFinite(known)) this.stepBack();
    checkFinite({ loss: known, norm }, step, place, this.#hint);
    this.#before = this.#weights;
    this.#weights = { ...this.#weights };
    for (const slot of ports.slots) {
      this.#weights[slot.weight] = outputs[slot.newWeight];
      for (const { input, output } of slot.state) this.#state[input] = outputs[output];
    }
    this.#step = step;
    return { step, loss, metrics, examples, lr: rateAt(this.#schedule, step), norm };
  }

  #stateOf({ weight, dims, state }: StateSlot): [string, Tensor][] {
    return state.map(({ input, dtype, copies }) => {
      const known = this.#state[input];
      if (known) return [input, known];
      if (this.#step > 0)
        throw new InputError(
          `the state after step ${this.#step} has no ${input}; it belongs to another optimizer: use that one.`,
        );
      const start = copies ? toFloat64(this.#weights[weight]) : new Float64Array(elements(dims));
      const values = dtype === "double" ? start : Float32Array.from(start);
      return [input, tensorOfFloats(this.#ort, values, dims)];
    });
  }
}
