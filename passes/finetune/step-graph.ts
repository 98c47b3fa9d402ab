import { checkGiven, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { writing } from "../../src/graph/builder.ts";
import { emptyGraph } from "../../src/graph/empty.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { type Types, typeOfTensor } from "../../src/graph/types.ts";
import { type Model, patched, strictlyPatched, typesOf } from "../../src/model.ts";
import { furtherWeights, laurelizationsOf, trainableWeights } from "../adapter/trainable.ts";
import { mainWeightOf } from "../adapter/weights.ts";
import { differentiate } from "../gradient/differentiate.ts";
import { plainBetween } from "../gradient/prepare.ts";
import { type Settled, settled } from "../gradient/specialize.ts";
import { gradientByScores } from "../losses/classes.ts";
import { lossNamed } from "../losses/index.ts";
import { type GradientStart, lossOptionsOf } from "../losses/loss.ts";
import { optimizerNamed } from "../optimizers/index.ts";
import { type OptimizerOptions, optimizerOptionsOf } from "../optimizers/optimizer.ts";
import { judge, type Reading } from "./attach-loss.ts";
import { factorsOf, type Trainable } from "./factors.ts";
import { judgedOutput } from "./judged-output.ts";
import { checkDifferentiable, checkReached } from "./reached.ts";
import { joined, port, sizesOf } from "./step.ts";
import { type StepOptions, stepOptions, withinStep } from "./step-options.ts";
import { type Slot, update } from "./update.ts";
import { withoutCalls } from "./without-calls.ts";

/** The names of what goes into and comes out of a step. */
export interface StepPorts {
  /** Trained weights with their state; each is an input and, as updated, an output. */
  readonly slots: readonly Slot[];
  /** A scalar output: the mean over the batch. */
  readonly loss: string;
  /** Scalar outputs by the metric's name. */
  readonly metrics: Readonly<Record<string, string>>;
  /**
   * A scalar output: how much of the batch was judged, labels that count or elements. Gradients of
   * several batches are averaged by it, where these are not alike.
   */
  readonly judged: string;
  /** How the target is read: its classes, and whether labels are moved ahead. */
  readonly reading: Reading;
  /** Scalar float inputs: the learning rate, and the number of the step from 1. */
  readonly lr: string;
  readonly step: string;
  /** Scalar output: the norm of all gradients together, before clipping. */
  readonly norm: string;
}

/** Training as graphs of plain ONNX operators, for batches of one size. */
export interface StepGraph extends StepPorts {
  /** Forward, loss, backward and update in one. */
  readonly whole: Model;
  /** Forward, loss and backward: gives the gradient of each weight. */
  readonly gradients: Model;
  /** Takes weights, gradients and state, and gives the new ones. */
  readonly update: Model;
  /** Names of the gradients, outputs of `gradients` and inputs of `update`, by weight. */
  readonly gradientOf: Readonly<Record<string, string>>;
}

/** A model with a loss behind it and its trained weights as inputs. */
export interface Judged {
  readonly model: Model;
  readonly weights: readonly Trainable[];
  readonly loss: string;
  readonly metrics: Readonly<Record<string, string>>;
  readonly judged: string;
  /** Where the gradients begin; null if that is the loss itself. */
  readonly start: GradientStart | null;
  readonly reading: Reading;
  /** The output that the loss is computed on. */
  readonly output: string;
  /** What a user must know of how the loss is computed, a sentence each. */
  readonly notes: readonly string[];
}

const NORM = { dtype: "float", shape: [] };

/** What of a model is trained: LAuReL's weights, and the float weights that `train` names. */
export function trainableOf(model: Model, train: readonly string[] = []): Trainable[] {
  const factors = factorsOf(laurelizationsOf(model));
  return trainableWeights(model, train).map((name) => {
    const { dtype, dims } = mainWeightOf(model, name);
    return { name, dtype, dims, factor: factors.has(name) };
  });
}

/** The model behind which the loss is written, its trained weights as inputs. */
export async function judged(model: Model, options: StepOptions): Promise<Judged> {
  const { ort, target } = options;
  const weights = trainableOf(model, options.train);
  const { types } = await typesOf(model, ort);
  const fixed = await settled(
    model,
    ort,
    sizesOf(model.graph, types, options.inputs),
    weights.map(({ name }) => name),
    0,
  );
  const loss = lossNamed(options.loss);
  const chosenFor = { loss, target: loss.distils ? null : target.type };
  const find = ({ model: { graph }, types }: Settled) =>
    judgedOutput(graph, types, options.output ?? null, chosenFor);
  const { model: last, types: lastTypes } = await withoutCalls(fixed, ort, find, weights);
  const { graph, file } = last;
  const output = find({ model: last, types: lastTypes });
  checkReached(graph, output.value, furtherWeights(model, options.train));
  const lossOptions = lossOptionsOf(options.lossOptions);
  const verdict = judge(graph, lastTypes, output.value, loss, target, lossOptions);
  const fed = new Set(file.graph.inputs.map(({ name }) => name));
  const removed = weights.map(({ name }) => graph.main.values.get(name)!);
  const inputs = removed
    .filter(({ name }) => !fed.has(name))
    .map((value) => port(value.name, typeOfTensor(value)));
  const result = await patched(graph, joined(verdict.patch, { removed, inputs }));
  const { loss: scalar, metrics, judged, reading } = verdict;
  const notes = [...verdict.notes, ...(output.note ? [output.note] : [])];
  const { start = null } = verdict;
  const told = { loss: scalar, metrics, judged, start, reading, notes };
  return { model: result, weights, output: output.value.name, ...told };
}

/**
 * Makes the step graphs of a model: ordinary ONNX that any onnxruntime runs. Throws an InputError
 * where the target does not fit or a node on the way has no gradient.
 */
export async function stepGraph(model: Model, options: StepOptions): Promise<StepGraph> {
  checkModel("stepGraph", model);
  checkGiven("stepGraph", options, stepOptions, withinStep);
  const forward = await judged(model, options);
  const { weights, loss, metrics, judged: amount, reading } = forward;
  const names = weights.map(({ name }) => name);
  const fixed = await plainBetween(forward.model, options.ort, {}, names, () => [loss]);
  const { graph } = fixed.model;
  const optimizer = optimizerNamed(options.optimizer ?? "adamw");
  const optimizerOptions = optimizerOptionsOf(options.optimizerOptions);
  const { back, reached } = backward(graph, fixed.types, forward);
  checkDifferentiable(reached, furtherWeights(model, options.train), forward.output);
  const written = writing(graph, "update");
  const whole = update(written, reached, optimizer, optimizerOptions);
  const gradients = reached.map(({ of, gradient }) =>
    port(gradient, { dtype: of.dtype, shape: of.dims }),
  );
  const scalars = [loss, ...Object.values(metrics), amount];
  const typeOf = (name: string) => fixed.types.get(graph.main.values.get(name)!);
  const typed = { untold: scalars, outputs: scalars.map((name) => port(name, typeOf(name))) };
  const [lr, step] = whole.inputs.map(({ name }) => name);
  return {
    whole: await strictlyPatched(
      graph,
      joined(typed, back, written, {
        inputs: whole.inputs,
        outputs: [...whole.outputs, port(whole.norm, NORM)],
      }),
    ),
    gradients: await strictlyPatched(graph, joined(typed, back, { outputs: gradients })),
    update: await updateAlone(graph, reached, optimizer, optimizerOptions),
    gradientOf: Object.fromEntries(reached.map(({ of, gradient }) => [of.name, gradient])),
    slots: whole.slots,
    loss,
    metrics,
    judged: amount,
    reading,
    lr,
    step,
    norm: whole.norm,
  };
}

/** The gradients of a loss, and the weights that have one. */
function backward(graph: Graph, types: Types, { loss, start, weights }: Judged) {
  const [first, draft] = [writing(graph, "loss.grad"), writing(graph, "grad")];
  const { values } = graph.main;
  const begins = start && values.has(start.scores) ? start : null;
  const one = () => draft.constant(types.get(values.get(loss)!)!.dtype, [], [1]);
  const of: [string, string] = begins
    ? [begins.scores, gradientByScores(first, begins)]
    : [loss, one()];
  const made = differentiate(graph, {
    of: new Map([of]),
    wrt: weights.map(({ name }) => name),
    types,
    writing: draft,
  });
  const reached = weights.flatMap((of) => {
    const gradient = made.gradients.get(of.name);
    return gradient ? [{ of, gradient }] : [];
  });
  if (reached.length === 0)
    throw new InputError("no weight that is to be trained has an influence on the loss.");
  const nodes = [...first.nodes, ...made.nodes.map((node) => ({ before: null, node }))];
  return { back: { nodes, tensors: [...first.tensors, ...made.tensors] }, reached };
}

/** The update as a model of its own, its ports named as in the whole step. */
async function updateAlone(
  graph: Graph,
  reached: readonly { of: Trainable; gradient: string }[],
  optimizer: ReturnType<typeof optimizerNamed>,
  options: OptimizerOptions,
): Promise<Model> {
  const empty = emptyGraph("update", Math.max(17, graph.file.opsets.get("") ?? 17));
  const written = writing(empty, "update");
  const { inputs, outputs, norm } = update(written, reached, optimizer, options);
  const given = reached.flatMap(({ of, gradient }) => {
    const type = { dtype: of.dtype, shape: of.dims };
    return [port(of.name, type), port(gradient, type)];
  });
  return patched(
    empty,
    joined(written, { inputs: [...given, ...inputs], outputs: [...outputs, port(norm, NORM)] }),
  );
}
