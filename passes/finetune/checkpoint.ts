import type { Tensor } from "onnxruntime-common";
import { InputError } from "../../src/errors.ts";
import {
  readSafetensors,
  type SafeTensor,
  writeSafetensors,
} from "../../src/formats/safetensors.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import { bytesSource } from "../../src/onnx/source.ts";
import type { Ort, Tensors } from "../../src/ort/session.ts";
import { bytesOfTensor, dtypeOf, tensorOfBytes } from "../../src/ort/tensors.ts";
import type { Finetuning } from "./trainer.ts";

const GROUPS = ["weights", "state", "best"] as const;
const STEP = "step";
const NOTE = "note";

/** A training as it stands, beside the model: weights, optimizer state, the best weights so far. */
export interface TrainingState {
  readonly best: Tensors;
  /** What the caller noted with it. */
  readonly note: unknown;
}

/** A training's state as a .safetensors file: `note` is anything that JSON can say. */
export function stateBytes(tuning: Finetuning, { best, note }: TrainingState): Uint8Array {
  const all = { weights: tuning.weights, state: tuning.state, best };
  const tensors = GROUPS.flatMap((group) =>
    Object.entries(all[group]).map(([name, tensor]) => dense(`${group}/${name}`, tensor)),
  );
  // No text of the header, which may not be longer than 100 MB.
  const data = new TextEncoder().encode(JSON.stringify(note));
  tensors.push({ name: NOTE, dtype: "uint8", dims: [data.length], data });
  return writeSafetensors(tensors, new Map([[STEP, String(tuning.step)]]));
}

/**
 * Brings a training to the state that a file holds. Throws an InputError where the file is none,
 * or of a training of other weights.
 */
export function resumeTraining(
  tuning: Finetuning,
  bytes: Uint8Array,
  {
    ort,
    name,
    check = () => {},
  }: {
    readonly ort: Ort;
    readonly name: string;
    /** Looks at the note before anything is resumed, and throws where that is not to be. */
    readonly check?: (note: unknown) => void;
  },
): TrainingState {
  const { tensors, metadata } = readSafetensors(bytesSource(bytes, name));
  const step = Number(metadata.get(STEP));
  const misfit = (why: string) =>
    new InputError(`${name} is no state of this training (${why}); leave --resume out.`);
  if (!Number.isSafeInteger(step) || step < 1) throw misfit("it tells no step");
  const bytesOf = ({ range: { start, end } }: SafeTensor) => bytes.subarray(start, end);
  const noted = tensors.find((tensor) => tensor.name === NOTE);
  const note = noted && parsed(bytesOf(noted));
  if (note === undefined) throw misfit("its note cannot be read");
  check(note);
  const groups = Object.fromEntries(
    GROUPS.map((group) => [
      group,
      Object.fromEntries(
        tensors
          .filter((tensor) => tensor.name.startsWith(`${group}/`))
          .map((tensor) => [
            tensor.name.slice(group.length + 1),
            tensorOfBytes(ort, tensor.dtype, bytesOf(tensor), tensor.dims),
          ]),
      ),
    ]),
  );
  for (const [own, tensor] of Object.entries(tuning.weights)) {
    const read = groups.weights[own];
    if (!read) throw misfit(`it has no ${own}`);
    if (read.type !== tensor.type || read.dims.join() !== tensor.dims.join())
      throw misfit(`${own} is of another type or shape`);
  }
  if (Object.keys(groups.weights).length !== Object.keys(tuning.weights).length)
    throw misfit("it has other weights too");
  tuning.resume(groups.weights, groups.state, step);
  return { best: groups.best, note };
}

/** What JSON says; nothing where it is none. */
function parsed(json: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(json));
  } catch {
    return undefined;
  }
}

const dense = (name: string, tensor: Tensor): DenseTensor => ({
  name,
  dtype: dtypeOf(tensor),
  dims: tensor.dims,
  data: bytesOfTensor(tensor),
});
