import type { Tensor } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { attribute, type Graph, type Value } from "../graph/graph.ts";
import { uniform } from "../graph/random.ts";
import { encodeNumbers } from "../graph/tensor.ts";
import { hasTensors, isFloat, type Types } from "../graph/types.ts";
import { dataTypeNamed, elements } from "../onnx/dtypes.ts";
import type { Type } from "../onnx/shape.ts";
import type { Ort } from "../ort/session.ts";
import { tensorOfBytes } from "../ort/tensors.ts";
import { type Accepted, acceptedAt } from "./accepted.ts";
import { arrivals, comparedWith } from "./compared-values.ts";

/** One attempt: which candidate size of each dimension, and how large integers are. */
export interface Attempt {
  readonly step: number;
  readonly integers: "bounded" | "zeros" | "ones";
  /** Normally distributed, or their absolute values. */
  readonly floats: "normal" | "positive";
  /** Which branch a model takes that branches on its inputs. */
  readonly turn: number;
}

/** Draws random values for an input of a shape; `round` numbers the sets of inputs. */
export type Fill = (
  input: Value,
  type: Type,
  shape: number[],
  attempt: Attempt,
  round: number,
) => Tensor;

/**
 * Creates a generator of seeded random inputs. It caches each input for requests in which only
 * others change.
 */
export function filler(ort: Ort, graph: Graph, types: Types, seed: number): Fill {
  const last = new Map<string, { readonly key: string; readonly tensor: Tensor }>();
  return (input, type, shape, attempt, round) => {
    const way = isFloat(type.dtype) ? [attempt.floats] : [attempt.integers, attempt.turn];
    const key = JSON.stringify([shape, ...way]);
    const place = `${round} ${input.name}`;
    const known = last.get(place);
    if (known?.key === key) return known.tensor;
    const tensor = made(ort, graph, types, input, type, shape, attempt, seed + round);
    last.set(place, { key, tensor });
    return tensor;
  };
}

function made(
  ort: Ort,
  graph: Graph,
  types: Types,
  input: Value,
  { dtype }: Type,
  shape: number[],
  attempt: Attempt,
  seed: number,
): Tensor {
  const next = uniform(seed, input.name);
  const count = elements(shape);
  const mask = /mask/i.test(input.name);
  if (dtype === "string") return new ort.Tensor("string", new Array(count).fill("a"), shape);
  if (!hasTensors(dtype))
    throw new InputError(
      `input ${input.name} of ${graph.file.source.name} is of type ${dtype}, which onnxruntime's JavaScript API does not support; convert the model to float.`,
    );
  const accepted = acceptedAt(input, isFloat(dtype));
  if (isFloat(dtype)) {
    const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    return tensorOfBytes(
      ort,
      dtype,
      encodeNumbers(
        dtype,
        Float64Array.from({ length: count }, () =>
          accepted && !mask
            ? accepted[0] + next() * (accepted[1] - accepted[0])
            : mask
              ? 1
              : attempt.floats === "normal"
                ? normal()
                : Math.abs(normal()),
        ),
      ),
      shape,
    );
  }
  const within = attempt.integers === "bounded" && !mask ? accepted : null;
  const high =
    mask || attempt.integers === "ones"
      ? 0
      : attempt.integers === "zeros"
        ? 1
        : bound(types, input);
  const named =
    count === 1 && attempt.integers === "bounded"
      ? comparedWith(graph, input).filter(Number.isSafeInteger)
      : [];
  const drawn = ([low, top]: Accepted) => low + Math.floor(next() * (top - low));
  const value = () =>
    named[attempt.turn] ??
    (within ? drawn(within) : undefined) ??
    (high === 0 ? 1 : Math.floor(next() * high));
  if (dtype === "bool")
    return new ort.Tensor(
      "bool",
      Array.from({ length: count }, () => mask || attempt.turn % 2 === 0),
      shape,
    );
  const numbers = Float64Array.from({ length: count }, value);
  if (!dataTypeNamed(dtype)?.array)
    throw new InputError(
      `input ${input.name} of ${graph.file.source.name} is of type ${dtype}, for which there are no random inputs; give --inputs.`,
    );
  return tensorOfBytes(ort, dtype, encodeNumbers(dtype, numbers), shape);
}

const UNBOUNDED = 100;

/**
 * Returns the exclusive upper bound of an integer input, from the sizes of the tables that it
 * indexes.
 */
function bound(types: Types, input: Value): number {
  let least = Infinity;
  for (const { uses } of arrivals(input))
    for (const { node, index } of uses) {
      if (node.op !== "Gather" || index !== 1 || !node.inputs[0]) continue;
      const table = types.get(node.inputs[0])?.shape;
      const axis = attribute(node, "axis")?.i ?? 0;
      const size = table?.[axis < 0 ? axis + table.length : axis];
      if (typeof size === "number") least = Math.min(least, size);
    }
  return least === Infinity ? UNBOUNDED : least;
}
