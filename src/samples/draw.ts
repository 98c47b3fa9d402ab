import type { Tensor } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { own } from "../graph/own.ts";
import type { Types } from "../graph/types.ts";
import { elements } from "../onnx/dtypes.ts";
import { showShape } from "../onnx/shape.ts";
import type { Ort, Tensors } from "../ort/session.ts";
import type { Attempt } from "./attempts.ts";
import { filler } from "./random-inputs.ts";
import { sizeOf } from "./sizes.ts";

/** A user's settings for random inputs; they have no effect if the inputs are given. */
export interface SampleOptions {
  /** Sizes of free dimensions by name; an unnamed one is "input.axis". */
  readonly dims?: Readonly<Record<string, number>> | undefined;
  readonly seed?: number | undefined;
}

/** Maximum size in bytes of one set of random inputs. */
const LARGEST = 1 << 30;

/** A model that is to be run on random inputs. */
export interface Sampled {
  readonly ort: Ort;
  readonly graph: Graph;
  readonly types: Types;
}

/** One set of inputs, and the attempt that they are drawn for. */
export interface Drawn {
  readonly attempt: Attempt;
  readonly feeds: Tensors;
}

/** Draws one set of inputs, and the sizes of its free dimensions. */
export type Draw = (
  attempt: Attempt,
  round: number,
) => { feeds: Tensors; dims: Record<string, number> };

/** Returns what draws inputs. Throws an InputError for a size of a dimension that there is not. */
export function drawer(model: Sampled, options: SampleOptions): Draw {
  checkNames(model, options);
  const { ort, graph, types } = model;
  const fill = filler({ ort, graph, types, seed: options.seed ?? 0 });
  const given = options.dims ?? {};
  return (attempt, round) => {
    const dims: Record<string, number> = Object.create(null);
    const feeds: Record<string, Tensor> = Object.create(null);
    let bytes = 0;
    for (const input of graph.main.inputs) {
      const type = types.get(input);
      if (!type?.shape)
        throw new InputError(
          `input ${input.name} is not a tensor of known rank; give inputs with --inputs.`,
        );
      const shape = type.shape.map((dim, axis) => {
        if (typeof dim === "number") return dim;
        const name = dim || `${input.name}.${axis}`;
        const { batch } = attempt;
        if (axis === 0 && batch?.input === input.name && own(given, name) === undefined)
          return batch.size;
        dims[name] ??= own(given, name) ?? sizeOf({ input, type, axis, name }, attempt, given);
        return dims[name];
      });
      bytes += elements(shape) * 8;
      if (shape.some((dim) => dim < 0) || bytes > LARGEST)
        throw new InputError(
          `input ${input.name} has shape ${showShape(shape)}, which is too large for random inputs; give --dim or --inputs.`,
        );
      feeds[input.name] = fill({ input, dtype: type.dtype, shape, attempt, round });
    }
    return { feeds, dims };
  };
}

function checkNames({ graph, types }: Sampled, { dims }: SampleOptions): void {
  const names = new Set(
    graph.main.inputs.flatMap((input) =>
      (types.get(input)?.shape ?? []).flatMap((dim, axis) =>
        typeof dim === "number" ? [] : [dim || `${input.name}.${axis}`],
      ),
    ),
  );
  for (const [name, size] of Object.entries(dims ?? {})) {
    if (!Number.isSafeInteger(size) || size < 0)
      throw new InputError(`dimension ${name} must be an integer of at least 0 (got ${size}).`);
    if (!names.has(name))
      throw new InputError(
        `${graph.file.source.name} has no free dimension ${name}; it has ${[...names].join(", ") || "none"}.`,
      );
  }
}
