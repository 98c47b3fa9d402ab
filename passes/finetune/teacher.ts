import { InputError } from "../../src/errors.ts";
import { typeOfInfo } from "../../src/graph/graph.ts";
import { own } from "../../src/graph/own.ts";
import type { Model } from "../../src/model.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import { withOutputs } from "../../src/ort/expose.ts";
import { runnable } from "../../src/ort/loading.ts";
import { wholeReason } from "../../src/ort/messages.ts";
import { type Ort, openSession, runFor, type Tensors } from "../../src/ort/session.ts";

/** A value of the teacher that a loss follows. */
export interface Followed {
  /** The teacher's value that the caller names; null for that of the student's name. */
  readonly wanted: string | null;
  readonly output: string;
  /** Whether that is a value inside the student. */
  readonly inner: boolean;
  /** The name of the value among a batch's tensors. */
  readonly as: string;
}

/** Loads a teacher: `of` runs it on the inputs in a batch, `close` releases its session. */
export function runTeacher(
  model: Model,
  followed: readonly Followed[],
  { ort, threads }: { readonly ort: Ort; readonly threads?: number | undefined },
) {
  const { source, graph } = model;
  const values = followed.map((value) => [value.as, valueFor(model, value)] as const);
  const names = [...new Set(values.map(([, name]) => name))];
  const { inputs, outputs } = graph.main;
  const inner = names.filter((name) => !outputs.some((output) => output.name === name));
  const exposed = inner.length > 0 ? withOutputs(model.file, inner) : model.file;
  const session = openSession(ort, runnable(exposed), "all", { threads });
  return {
    async of(batch: Tensors): Promise<Tensors> {
      const missing = inputs.find(({ name }) => !own(batch, name));
      if (missing)
        throw new InputError(
          `the teacher ${source.name} has an input ${missing.name}, which a batch does not have; it has ${Object.keys(batch).join(", ")}.`,
        );
      const feeds = Object.fromEntries(inputs.map(({ name }) => [name, batch[name]]));
      const given = await runFor(await session, feeds, names).catch((error) => {
        throw new InputError(
          `the teacher ${source.name} does not run on the student's batches: ${wholeReason(error).replaceAll(/\s*\n\s*/g, ", ")}.`,
        );
      });
      return Object.fromEntries(values.map(([as, name]) => [as, given[name]]));
    },
    close: async () => (await session).release(),
  };
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
