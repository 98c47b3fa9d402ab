import type { Port } from "../src/graph/patch.ts";
import type { Writing } from "../src/graph/writing.ts";
import { total } from "./losses/loss.ts";
import type { Optimizer, OptimizerOptions } from "./optimizers/optimizer.ts";
import type { Trainable } from "./trainable.ts";

/** A weight's inputs and outputs in a graph that updates it. */
export interface Slot {
  readonly weight: string;
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly newWeight: string;
  /** State tensors of the weight's shape: the input, the output and the data type of each. */
  readonly state: readonly {
    readonly input: string;
    readonly output: string;
    readonly dtype: string;
    /** Whether it starts as the weight itself, not as zeros: what is kept more exactly than the weight. */
    readonly copies: boolean;
  }[];
}

/** An update as it is written: its inputs and outputs beside the weights and gradients. */
export interface Update {
  readonly slots: readonly Slot[];
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** The norm of all gradients together, before it is clipped. */
  readonly norm: string;
}

/** PyTorch's clip_grad_norm_ divides by the norm and this. */
const CLIP_EPSILON = 1e-6;

const numberOf = (dtype: string) =>
  ({ float: 1, float16: 10, double: 11, bfloat16: 16 })[dtype] ?? 1;

/**
 * Writes the update of every weight by its gradient. Half-precision weights are kept as float32
 * beside the model's own, so that small steps are not lost; `lr` and `step` are float scalars.
 */
export function update(
  writing: Writing,
  weights: readonly { readonly of: Trainable; readonly gradient: string }[],
  optimizer: Optimizer,
  options: OptimizerOptions,
): Update {
  const { op, constant, fresh, about } = writing;
  const exact = (dtype: string) => (dtype === "double" ? "double" : "float");
  const cast = (name: string, from: string, to: string) =>
    from === to ? name : op.Cast(name, { to: numberOf(to) });
  about("norm");
  const gradients = weights.map(({ of, gradient }) => cast(gradient, of.dtype, exact(of.dtype)));
  const squares = weights.map(({ of }, k) =>
    cast(
      total(writing, op.Mul(gradients[k], gradients[k]), of.dims.length),
      exact(of.dtype),
      "float",
    ),
  );
  const norm = op.Sqrt(squares.length === 1 ? squares[0] : op.Sum(squares));
  const scale =
    options.clip === null
      ? null
      : op.Min([
          constant("float", [], [1]),
          op.Div(
            constant("float", [], [options.clip]),
            op.Add(norm, constant("float", [], [CLIP_EPSILON])),
          ),
        ]);
  const [lr, step] = ["lr", "step"].map(fresh);
  const inputs: Port[] = [lr, step].map((name) => ({ name, type: { dtype: "float", shape: [] } }));
  const outputs: Port[] = [];
  const slots = weights.map(({ of }, k): Slot => {
    about(of.name);
    const dtype = exact(of.dtype);
    const kept = dtype !== of.dtype;
    const shaped = (name: string, type: string): Port => ({
      name,
      type: { dtype: type, shape: of.dims },
    });
    const names = [...(kept ? ["float32"] : []), ...optimizer.state];
    const given = Object.fromEntries(names.map((name) => [name, fresh(`${of.name}.${name}`)]));
    inputs.push(...names.map((name) => shaped(given[name], dtype)));
    const clipped = scale ? op.Mul(gradients[k], cast(scale, "float", dtype)) : gradients[k];
    const next = optimizer.write({
      writing,
      dtype,
      weight: kept ? given.float32 : of.name,
      gradient: clipped,
      state: given,
      lr: cast(lr, "float", dtype),
      step: cast(step, "float", dtype),
      weightDecay: of.factor ? 0 : options.weightDecay,
      options,
    });
    const made: Record<string, string> = { ...next.state, float32: next.weight };
    const told = (made: string, name: string, type: string) => {
      const output = fresh(name);
      outputs.push(shaped(output, type));
      writing.copy(made, output);
      return output;
    };
    const newWeight = told(cast(next.weight, dtype, of.dtype), `${of.name}.new`, of.dtype);
    const state = names.map((name) => ({
      input: given[name],
      output: told(made[name], `${given[name]}.new`, dtype),
      dtype,
      copies: name === "float32",
    }));
    return { weight: of.name, dtype: of.dtype, dims: of.dims, newWeight, state };
  });
  return { slots, inputs, outputs, norm };
}
