import { groupBy } from "../../src/entry.ts";
import { emptyGraph } from "../../src/graph/build.ts";
import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Port } from "../../src/graph/patch-contents.ts";
import { type Model, patched } from "../../src/model.ts";
import type { ChosenOptimizer } from "../optimizers/index.ts";
import { type Group, gradientRow, isUpdatedAlone, type Weight } from "./gradient-row.ts";
import { joined, port } from "./ports.ts";
import { sideBySide } from "./side-by-side.ts";
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

/** The names of what goes into and comes out of an update, beside the gradients. */
export interface UpdatePorts {
  /** Trained weights with their state; each is an input and, as updated, an output. */
  readonly slots: readonly StateSlot[];
  /** Scalar float inputs: the learning rate, and the number of the step from 1. */
  readonly lr: string;
  readonly step: string;
  /** Scalar float input: the momentum, if the schedule changes it. */
  readonly momentum: string | null;
  /** Scalar output: the norm of all gradients together, before clipping. */
  readonly norm: string;
}

/** The type of what there is one number of: the norm of all gradients, or the learning rate. */
export const SCALAR = { dtype: "float", shape: [] };

/** PyTorch's clip_grad_norm_ divides by the norm and this. */
const CLIP_EPSILON = 1e-6;

/**
 * Writes the update of every weight by its gradient. Half-precision weights are kept as float32
 * beside the model's own, so that small steps are not lost; `lr` and `step` are float scalars.
 * Small weights that are treated the same are updated as one vector: hundreds of nodes fewer.
 */
export function update(builder: Builder, weights: readonly Weight[], chosen: ChosenOptimizer) {
  const { fresh, about } = builder;
  about("norm");
  // Small weights that are treated the same in groups, each large one alone.
  const keyOf = (weight: Weight) =>
    isUpdatedAlone(weight) ? `alone ${weight.of.name}` : `${weight.of.dtype} ${weight.of.decays}`;
  const groups = [...groupBy(weights, keyOf).values()].map((members) => ({
    members,
    dtype: members[0].of.dtype === "double" ? "double" : "float",
  }));
  const { norm, scale, gradients } = clipping(builder, groups, chosen.options.clip);
  const scalars = ["lr", "step", ...(chosen.cycles ? ["momentum"] : [])].map(fresh);
  const [lr, step, momentum = null] = scalars;
  const rates = { lr, step, momentum };
  const inputs: Port[] = scalars.map((name) => port(name, SCALAR));
  const outputs: Port[] = [];
  const slots = new Map<TrainedWeight, StateSlot>();
  const to: Step = { builder, ...chosen, scale, ...rates, inputs, outputs };
  for (const [k, group] of groups.entries())
    for (const [of, slot] of updateGroup(to, group, gradients[k])) slots.set(of, slot);
  outputs.push(port(norm, SCALAR));
  return { slots: weights.map(({ of }) => slots.get(of)!), inputs, outputs, norm, ...rates };
}

/** The gradients, the norm of all together, and the factor that clips it; null without clipping. */
function clipping(builder: Builder, groups: readonly Group[], clip: number | null) {
  const { op, constant } = builder;
  const { norm, gradients } = gradientRow(builder, groups);
  if (!clip) return { gradients, norm, scale: null };
  const one = constant("float", [], [1]);
  const limit = constant("float", [], [clip]);
  const length = op.Add(norm, constant("float", [], [CLIP_EPSILON]));
  return { gradients, norm, scale: op.Min([one, op.Div(limit, length)]) };
}

/** What the updates of all groups share, and the ports that they add to. */
interface Step extends ChosenOptimizer, Pick<UpdatePorts, "lr" | "step" | "momentum"> {
  readonly builder: Builder;
  readonly scale: string | null;
  readonly inputs: Port[];
  readonly outputs: Port[];
}

function updateGroup(to: Step, group: Group, gradient: string): [TrainedWeight, StateSlot][] {
  const { builder, optimizer, options, lr, step, momentum, inputs } = to;
  const { members, dtype } = group;
  const kept = dtype !== members[0].of.dtype;
  const side = sideBySide(builder, members);
  const { fresh, about } = builder;
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
    builder,
    dtype,
    weight: kept ? state.float32 : side.join(members.map(({ of }) => of.name)),
    gradient: clippedBy(to, gradient, dtype),
    state,
    lr: builder.to.cast(lr, dtype, "float"),
    step: builder.to.cast(step, dtype, "float"),
    momentum: momentum && builder.to.cast(momentum, dtype, "float"),
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

/** A gradient times the factor that clips the norm of all, and within the bounds of each number. */
function clippedBy({ builder, scale, options }: Step, gradient: string, dtype: string): string {
  const { op, to, constant } = builder;
  const scaled = scale ? op.Mul(gradient, to.cast(scale, dtype, "float")) : gradient;
  const limit = options.clipValue;
  if (limit === null) return scaled;
  const [low, high] = [-limit, limit].map((bound) => constant(dtype, [], [bound]));
  return op.Max([op.Min([scaled, high]), low]);
}

/** A weight's new value, and that of its state, as outputs. */
function slotOf(
  { builder, outputs }: Step,
  of: TrainedWeight,
  dtype: string,
  next: { weight: string; state: readonly { name: string; input: string; value: string }[] },
): StateSlot {
  builder.about(of.name);
  const output = (value: string, name: string, type: string) => {
    const port = builder.fresh(name);
    outputs.push(shaped(port, type, of));
    builder.copy(value, port);
    return port;
  };
  const weight = builder.to.cast(next.weight, of.dtype, dtype);
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

const shaped = (name: string, dtype: string, { dims }: TrainedWeight) =>
  port(name, { dtype, shape: dims });

/** Begins an update that becomes a model of its own, in an opset not older than a graph's. */
export function draftUpdate({ file }: Graph) {
  const empty = emptyGraph("update", Math.max(17, file.opset));
  return { empty, written: newBuilder(empty, "update") };
}

/** Makes the model of an update; `given` are the inputs that weights and gradients come from. */
export async function updateModel(
  { empty, written }: ReturnType<typeof draftUpdate>,
  weights: readonly Weight[],
  optimizer: ChosenOptimizer,
  given: readonly Port[],
): Promise<UpdatePorts & { readonly model: Model }> {
  const { inputs, outputs, ...ports } = update(written, weights, optimizer);
  const more = { inputs: [...given, ...inputs], outputs };
  return { model: await patched(empty, joined(written, more)), ...ports };
}

/** Makes the update as a model of its own, its ports named as in the whole step. */
export function updateAlone(graph: Graph, reached: readonly Weight[], optimizer: ChosenOptimizer) {
  const given = reached.flatMap(({ of, gradient, dtype }) => [
    port(of.name, { dtype: of.dtype, shape: of.dims }),
    port(gradient, { dtype: dtype ?? of.dtype, shape: of.dims }),
  ]);
  return updateModel(draftUpdate(graph), reached, optimizer, given);
}
