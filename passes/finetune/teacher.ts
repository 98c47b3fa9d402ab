import type { InferenceSession, Tensor } from "onnxruntime-common";
import { InputError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { withOutputs } from "../../src/ort/expose.ts";
import { runnable } from "../../src/ort/loading.ts";
import { type Ort, openSession, runFor, type Tensors } from "../../src/ort/session.ts";
import { lossOf } from "../losses/index.ts";
import type { FinetuneOptions } from "./finetune-options.ts";

/** Throws an InputError unless a loss is given exactly what it needs: a teacher, or a target. */
export function checkFollowed({
  loss,
  teacher,
  target,
}: Pick<FinetuneOptions, "loss" | "teacher" | "target">): void {
  if (lossOf(loss).loss.distils !== (teacher !== undefined))
    throw new InputError(
      teacher
        ? `loss ${loss} takes no teacher; use distillation.`
        : `loss ${loss} needs a teacher: the original model.`,
    );
  if (!teacher && target === undefined)
    throw new InputError(`loss ${loss} needs a target: an array of the data.`);
}

/** Runs the model whose outputs another one is trained towards. */
export class Teacher {
  readonly #session: Promise<InferenceSession>;
  readonly #model: Model;
  readonly #value: string | undefined;

  /** `value` names an output, or a value inside; by default the first output. */
  constructor(model: Model, ort: Ort, value: string | undefined, threads: number | undefined) {
    const { graph, file } = model;
    const inside = value !== undefined && !graph.main.outputs.some(({ name }) => name === value);
    if (inside && !graph.main.values.has(value))
      throw new InputError(
        `${file.source.name}, the original, does not have a value ${value} to follow.`,
      );
    const exposed = inside ? withOutputs(file, [value]) : file;
    this.#model = model;
    this.#value = value;
    this.#session = openSession(ort, runnable(exposed), "all", threads);
  }

  /** Runs the model on the inputs in a batch. */
  async of(batch: Tensors): Promise<Tensor> {
    const session = await this.#session;
    const name = this.#value ?? session.outputNames[0];
    const inputs = this.#model.graph.main.inputs.map((input) => [input.name, batch[input.name]]);
    return (await runFor(session, Object.fromEntries(inputs), [name]))[name];
  }

  /** Releases the session. */
  async close(): Promise<void> {
    await (await this.#session).release();
  }
}
