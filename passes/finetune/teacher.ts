import type { InferenceSession } from "onnxruntime-common";
import { InputError } from "../../src/errors.ts";
import { typeOfInfo } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import type { Model } from "../../src/model.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import { withOutputs } from "../../src/ort/expose.ts";
import { runnable } from "../../src/ort/loading.ts";
import { type Ort, openSession, reason, runFor, type Tensors } from "../../src/ort/session.ts";

/** A value of the teacher that a loss follows. */
export interface Followed {
  /** The teacher's value that the caller names; null for that of the student's name. */
  readonly wanted: string | null;
  /** The output that is trained. */
  readonly output: string;
  /** Whether that is a value inside the student. */
  readonly inner: boolean;
  /** The name of the value among a batch's tensors. */
  readonly as: string;
}

/** Runs the model whose outputs another one is trained towards. */
export class Teacher {
  readonly #session: Promise<InferenceSession>;
  readonly #model: Model;
  /** Names among a batch's tensors, and the values of the teacher. */
  readonly #values: readonly (readonly [as: string, value: string])[];

  constructor(model: Model, ort: Ort, followed: readonly Followed[], threads: number | undefined) {
    this.#model = model;
    this.#values = followed.map((value) => [value.as, valueFor(model, value)]);
    const names = [...new Set(this.#values.map(([, name]) => name))];
    const { outputs } = model.graph.main;
    const inner = names.filter((name) => !outputs.some((output) => output.name === name));
    const exposed = inner.length > 0 ? withOutputs(model.file, inner) : model.file;
    this.#session = openSession(ort, runnable(exposed), "all", { threads });
  }

  /** Runs the model on the inputs in a batch. */
  async of(batch: Tensors): Promise<Tensors> {
    const session = await this.#session;
    const { source, graph } = this.#model;
    const inputs = graph.main.inputs.map(({ name }) => {
      if (!own(batch, name))
        throw new InputError(
          `the teacher ${source.name} has an input ${name}, which a batch does not have; it has ${Object.keys(batch).join(", ")}.`,
        );
      return [name, batch[name]] as const;
    });
    const names = [...new Set(this.#values.map(([, name]) => name))];
    const outputs = await runFor(session, Object.fromEntries(inputs), names).catch((error) => {
      throw new InputError(
        `the teacher ${source.name} does not run on the student's batches: ${reason(error).replace(/\.$/, "")}.`,
      );
    });
    return Object.fromEntries(this.#values.map(([as, name]) => [as, outputs[name]]));
  }

  /** Releases the session. */
  async close(): Promise<void> {
    await (await this.#session).release();
  }
}

/** The teacher's value that is named, or of the output's name, or its only output of floats. */
function valueFor({ graph, file }: Model, { wanted, output, inner }: Followed): string {
  const { values, outputs } = graph.main;
  const name = wanted ?? output;
  if (values.has(name)) return name;
  const types = new Map(file.graph.outputs.map((info) => [info.name, typeOfInfo(info)]));
  const floats = outputs.filter((value) => isFloat(types.get(value.name)?.dtype));
  if (wanted === null && !inner && floats.length === 1) return floats[0].name;
  throw new InputError(
    `${file.source.name}, the original or teacher, does not have a value ${name} to follow; it has ${outputs.map((value) => value.name).join(", ")}. Name one as the target: --loss ${output}=distillation:NAME.`,
  );
}
