import type { Port } from "../../src/graph/patch-edits.ts";
import type { Writing } from "../../src/graph/writing.ts";
import { total } from "../losses/loss.ts";
import type { Optimizer, OptimizerOptions } from "../optimizers/optimizer.ts";
import { type SideBySide, sideBySide } from "./side-by-side.ts";
import { port } from "./step.ts";
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

/**
 * Writes the update of every weight by its gradient. Half-precision weights are kept as float32
 * beside the model's own, so that small steps are not lost; `lr` and `step` are float scalars.
 * Small weights that are treated alike are updated as one vector: hundreds of nodes fewer.
 */
export function update(
  writing: Writing,
  weights: readonly Weight[],
  optimizer: Optimizer,
  options: OptimizerOptions,
): Update {
  const { op, to, constant, fresh, about } = writing;
  const exact = (dtype: string) => (dtype === "double" ? "double" : "float");
  const cast = (name: string, from: string, dtype: string) =>
    from === dtype ? name : to.cast(name, dtype);
  about("norm");
  const groups = alike(weights, (of) => `${of.dtype} ${of.factor}`).map((members): Group => {
    const [{ of }] = members;
    const dtype = exact(of.dtype);
    const side = sideBySide(
      writing,
      members.map(({ of }) => of.dims),
    );
    const gradient = side.join(members.map((one) => cast(one.gradient, of.dtype, dtype)));
    return { members, dtype, kept: dtype !== of.dtype, side, gradient };
  });
  const squares = groups.map(({ gradient, dtype, side }) =>
    cast(total(writing, op.Mul(gradient, gradient), side.rank), dtype, "float"),
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
  const inputs: Port[] = [lr, step].map((name) => port(name, { dtype: "float", shape: [] }));
  const outputs: Port[] = [];
  const made = new Map<Trainable, Slot>();
  for (const { members, dtype, kept, side, gradient } of groups) {
    about(members[0].of.name);
    const names = [...(kept ? ["float32"] : []), ...optimizer.state];
    const given = members.map(({ of }) => {
      const own = Object.fromEntries(names.map((name) => [name, fresh(`${of.name}.${name}`)]));
      inputs.push(...names.map((name) => shaped(own[name], dtype, of)));
      return own;
    });
    const joined = (name: string) => side.join(given.map((own) => own[name]));
    const state = Object.fromEntries(names.map((name) => [name, joined(name)]));
    const next = optimizer.write({
      writing,
      dtype,
      weight: kept ? state.float32 : side.join(members.map(({ of }) => of.name)),
      gradient: scale ? op.Mul(gradient, cast(scale, "float", dtype)) : gradient,
      state,
      lr: cast(lr, "float", dtype),
      step: cast(step, "float", dtype),
      weightDecay: members[0].of.factor ? 0 : options.weightDecay,
      options,
    });
    const after: Record<string, string> = { ...next.state, float32: next.weight };
    const parts = Object.fromEntries(names.map((name) => [name, side.part(after[name])]));
    const newWeights = kept ? parts.float32 : side.part(next.weight);
    for (const [k, { of }] of members.entries()) {
      about(of.name);
      const told = (value: string, name: string, type: string) => {
        const output = fresh(name);
        outputs.push(shaped(output, type, of));
        writing.copy(value, output);
        return output;
      };
      made.set(of, {
        weight: of.name,
        dtype: of.dtype,
        dims: of.dims,
        newWeight: told(cast(newWeights[k], dtype, of.dtype), `${of.name}.new`, of.dtype),
        state: names.map((name) => ({
          input: given[k][name],
          output: told(parts[name][k], `${given[k][name]}.new`, dtype),
          dtype,
          copies: name === "float32",
        })),
      });
    }
  }
  return { slots: weights.map(({ of }) => made.get(of)!), inputs, outputs, norm };
}

interface Weight {
  readonly of: Trainable;
  readonly gradient: string;
}

/** Weights that are updated as one. */
interface Group {
  readonly members: readonly Weight[];
  readonly dtype: string;
  readonly kept: boolean;
  readonly side: SideBySide;
  readonly gradient: string;
}

const shaped = (name: string, dtype: string, { dims }: Trainable) =>
  port(name, { dtype, shape: dims });

/** Elements of a weight above which putting it beside others costs more than it saves. */
const LARGE = 2 ** 18;

/** The small weights in groups of one key, in order; each large one alone. */
function alike(weights: readonly Weight[], keyOf: (of: Trainable) => string): Weight[][] {
  const groups = new Map<string, Weight[]>();
  for (const weight of weights) {
    const { of } = weight;
    const key = of.dims.reduce((a, b) => a * b, 1) > LARGE ? `alone ${of.name}` : keyOf(of);
    groups.set(key, [...(groups.get(key) ?? []), weight]);
  }
  return [...groups.values()];
}
