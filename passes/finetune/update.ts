import type { Writing } from "../../src/graph/builder.ts";
import type { Port } from "../../src/graph/patch-contents.ts";
import { total } from "../losses/loss.ts";
import type { ChosenOptimizer } from "../optimizers/index.ts";
import { port } from "./ports.ts";
import { type SideBySide, sideBySide } from "./side-by-side.ts";
import type { TrainedWeight } from "./trained-weights.ts";

/** A weight's inputs and outputs in a graph that updates it. */
export interface StateSlot {
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
  readonly slots: readonly StateSlot[];
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
  { optimizer, options }: ChosenOptimizer,
): Update {
  const { fresh, about } = writing;
  about("norm");
  const groups = alike(weights, (of) => `${of.dtype} ${of.decays}`).map((members) =>
    groupOf(writing, members),
  );
  const { norm, scale } = clipping(writing, groups, options.clip);
  const [lr, step] = ["lr", "step"].map(fresh);
  const inputs: Port[] = [lr, step].map((name) => port(name, { dtype: "float", shape: [] }));
  const outputs: Port[] = [];
  const slots = new Map<TrainedWeight, StateSlot>();
  const to: Step = { writing, optimizer, options, scale, lr, step, inputs, outputs };
  for (const group of groups) for (const [of, slot] of updateGroup(to, group)) slots.set(of, slot);
  return { slots: weights.map(({ of }) => slots.get(of)!), inputs, outputs, norm };
}

const cast = ({ to }: Writing, name: string, from: string, dtype: string) =>
  from === dtype ? name : to.cast(name, dtype);

function groupOf(writing: Writing, members: readonly Weight[]): Group {
  const [{ of }] = members;
  const dtype = of.dtype === "double" ? "double" : "float";
  const side = sideBySide(
    writing,
    members.map(({ of }) => of.dims),
  );
  const gradient = side.join(
    members.map((one) => cast(writing, one.gradient, one.dtype ?? of.dtype, dtype)),
  );
  return { members, dtype, kept: dtype !== of.dtype, side, gradient };
}

/** The norm of all gradients together, and the factor that clips it; null without clipping. */
function clipping(writing: Writing, groups: readonly Group[], clip: number | null) {
  const { op, constant } = writing;
  const squares = groups.map(({ gradient, dtype, side }) =>
    cast(writing, total(writing, op.Mul(gradient, gradient), side.rank), dtype, "float"),
  );
  const norm = op.Sqrt(squares.length === 1 ? squares[0] : op.Sum(squares));
  if (!clip) return { norm, scale: null };
  const one = constant("float", [], [1]);
  const limit = constant("float", [], [clip]);
  const length = op.Add(norm, constant("float", [], [CLIP_EPSILON]));
  return { norm, scale: op.Min([one, op.Div(limit, length)]) };
}

/** What the updates of all groups share, and the ports that they add to. */
interface Step extends ChosenOptimizer {
  readonly writing: Writing;
  readonly scale: string | null;
  readonly lr: string;
  readonly step: string;
  readonly inputs: Port[];
  readonly outputs: Port[];
}

/** Writes the update of weights that are updated as one. */
function updateGroup(to: Step, group: Group): [TrainedWeight, StateSlot][] {
  const { writing, optimizer, options, scale, lr, step, inputs } = to;
  const { members, dtype, kept, side, gradient } = group;
  const { op, fresh, about } = writing;
  about(members[0].of.name);
  const names = [...(kept ? ["float32"] : []), ...optimizer.state];
  const given = members.map(({ of }) => {
    const state = Object.fromEntries(names.map((name) => [name, fresh(`${of.name}.${name}`)]));
    inputs.push(...names.map((name) => shaped(state[name], dtype, of)));
    return state;
  });
  const joined = (name: string) => side.join(given.map((state) => state[name]));
  const state = Object.fromEntries(names.map((name) => [name, joined(name)]));
  const next = optimizer.write({
    writing,
    dtype,
    weight: kept ? state.float32 : side.join(members.map(({ of }) => of.name)),
    gradient: scale ? op.Mul(gradient, cast(writing, scale, "float", dtype)) : gradient,
    state,
    lr: cast(writing, lr, "float", dtype),
    step: cast(writing, step, "float", dtype),
    weightDecay: members[0].of.decays ? options.weightDecay : 0,
    options,
  });
  const after: Record<string, string> = { ...next.state, float32: next.weight };
  const parts = Object.fromEntries(names.map((name) => [name, side.part(after[name])]));
  const weights = kept ? parts.float32 : side.part(next.weight);
  return members.map(({ of }, k) => {
    const stateOf = names.map((name) => ({ name, input: given[k][name], value: parts[name][k] }));
    return [of, slotOf(to, of, dtype, { weight: weights[k], state: stateOf })];
  });
}

/** A weight's new value, and that of its state, as outputs. */
function slotOf(
  { writing, outputs }: Step,
  of: TrainedWeight,
  dtype: string,
  next: { weight: string; state: readonly { name: string; input: string; value: string }[] },
): StateSlot {
  writing.about(of.name);
  const output = (value: string, name: string, type: string) => {
    const port = writing.fresh(name);
    outputs.push(shaped(port, type, of));
    writing.copy(value, port);
    return port;
  };
  const weight = cast(writing, next.weight, dtype, of.dtype);
  return {
    weight: of.name,
    dtype: of.dtype,
    dims: of.dims,
    newWeight: output(weight, `${of.name}.new`, of.dtype),
    state: next.state.map(({ name, input, value }) => ({
      input,
      output: output(value, `${input}.new`, dtype),
      dtype,
      copies: name === "float32",
    })),
  };
}

/** A trained weight and the name of its gradient. */
export interface Weight {
  readonly of: TrainedWeight;
  readonly gradient: string;
  /** Data type of the gradient; the weight's by default. */
  readonly dtype?: string;
}

/** Weights that are updated as one. */
interface Group {
  readonly members: readonly Weight[];
  readonly dtype: string;
  readonly kept: boolean;
  readonly side: SideBySide;
  readonly gradient: string;
}

const shaped = (name: string, dtype: string, { dims }: TrainedWeight) =>
  port(name, { dtype, shape: dims });

/** Elements of a weight above which putting it beside others costs more than it saves. */
const LARGE = 2 ** 18;

/** The small weights in groups of one key, in order; each large one alone. */
function alike(weights: readonly Weight[], keyOf: (of: TrainedWeight) => string): Weight[][] {
  const groups = new Map<string, Weight[]>();
  for (const weight of weights) {
    const { of } = weight;
    const key = of.dims.reduce((a, b) => a * b, 1) > LARGE ? `alone ${of.name}` : keyOf(of);
    groups.set(key, [...(groups.get(key) ?? []), weight]);
  }
  return [...groups.values()];
}
