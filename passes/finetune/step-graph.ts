import { checkArgument, checkGiven, checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import type { Graph, Types } from "../../src/graph/graph.ts";
import type { Patch, Port } from "../../src/graph/patch-contents.ts";
import { type Model, patched, strictlyPatched } from "../../src/model.ts";
import { checkCustomTypes } from "../gradient/custom-rules.ts";
import { backpropagate } from "../gradient/differentiate.ts";
import { type PlainModel, plainBetween } from "../gradient/prepare.ts";
import type { GradientRules } from "../gradient/rule.ts";
import { type ChosenOptimizer, optimizerOf } from "../optimizers/index.ts";
import { cyclesMomentum } from "../schedules/schedule.ts";
import type { Weight } from "./gradient-row.ts";
import {
  type AttachedTerm,
  type LossPorts,
  type ModelWithLoss,
  withLoss,
} from "./model-with-loss.ts";
import { openRows } from "./open-rows.ts";
import { gradientPorts, joined, port } from "./ports.ts";
import { checkDifferentiable, namedWeights } from "./reached.ts";
import { type StepOptions, type StepTerm, stepOptions, withinStep } from "./step-options.ts";
import { SCALAR, type UpdatePorts, update, updateAlone } from "./update.ts";

/** The names of what goes into and comes out of a step. */
export interface StepPorts extends LossPorts, UpdatePorts {}

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

/** A model with a loss, and the nodes of its backward pass. */
export interface DifferentiatedStep {
  readonly graph: Graph;
  readonly optimizer: ChosenOptimizer;
  /** The trained weights that the loss depends on, and their gradients. */
  readonly reached: readonly Weight[];
  /** The backward pass. */
  readonly back: Pick<Patch, "nodes" | "tensors">;
  /** Leaves the number of images in a batch open if that saves memory. */
  readonly open: Partial<Patch>;
  /** Loss, metrics and number of examples, which are outputs of the graph, with their types. */
  readonly scalars: readonly Port[];
  readonly ports: LossPorts;
  /** The output that the loss is computed on, and what a user must know of it. */
  readonly plan: Pick<ModelWithLoss, "output" | "notes">;
  /** Scalar inputs that multiply the gradient of each loss; none by default. */
  readonly shares: readonly Port[];
}

/**
 * Makes the step graphs of a model: ordinary ONNX that any onnxruntime runs. Throws an InputError
 * if the target does not fit or if a node between a weight and the loss has no gradient.
 */
export async function stepGraph(model: Model, options: StepOptions): Promise<StepGraph> {
  checkModel("stepGraph", model);
  checkGiven("stepGraph", options, stepOptions, withinStep);
  if (options.inputs === undefined)
    throw new TypeError(
      "stepGraph needs option inputs: the sizes of each input by its name, { x: [1, 8] }.",
    );
  checkTerms(options.losses ?? [options]);
  const step = await differentiatedStep(model, options);
  const { graph, reached, back, optimizer } = step;
  const { model: whole, ports } = await wholeStep(step);
  const gradients = gradientPorts(reached);
  return {
    whole,
    gradients: await strictlyPatched(graph, joined(typed(step), back, { outputs: gradients })),
    update: (await updateAlone(graph, reached, optimizer)).model,
    gradientOf: Object.fromEntries(reached.map(({ of, gradient }) => [of.name, gradient])),
    ...ports,
  };
}

function checkTerms(terms: readonly StepTerm[]): void {
  checkArgument("losses of stepGraph", terms, terms.length > 0, "at least one loss");
  for (const { target, arrays = {} } of terms)
    for (const each of [...(target === undefined ? [] : [target]), ...Object.values(arrays)]) {
      const fits = typeof each?.name === "string" && Array.isArray(each.type?.shape);
      checkArgument(
        "target or arrays of stepGraph",
        each,
        fits,
        "{ name, type: { dtype, shape } }",
      );
    }
}

/** Makes the graph of a step alone: forward, loss, backward and update in one. */
export async function stepModel(model: Model, options: StepOptions) {
  const step = await differentiatedStep(model, options);
  return wholeStep(step, step.open);
}

/** Attaches the loss and writes the backward pass; if `shared`, with a factor for each loss as an input. */
export async function differentiatedStep(
  model: Model,
  options: StepOptions,
  shared = false,
): Promise<DifferentiatedStep> {
  const chosen = optimizerOf(options.optimizer, options.optimizerOptions);
  const optimizer = { ...chosen, cycles: cyclesMomentum({ ...options }) };
  const forward = await withLoss(model, options);
  const { weights, loss, metrics, examples, reading, terms } = forward;
  const { ort, rules } = options;
  const plain = await plainBetween(forward.model, ort, {
    from: weights.map(({ name }) => name),
    to: () => terms.map(({ value }) => value),
    rules,
    rewrites: Object.keys(rules ?? {}).length === 0,
  });
  const { types } = plain;
  const { graph } = plain.model;
  const { back, stated, reached, custom, shares } = backward(plain, forward, { rules, shared });
  const outputs = terms.map(({ output }) => output).join(", ");
  checkDifferentiable(reached, namedWeights(model, options.train), outputs);
  const typeOf = (name: string) => types.get(graph.main.values.get(name)!);
  const ofTerms = terms.flatMap((term) => [term.value, term.examples]);
  const names = new Set([loss, ...Object.values(metrics), examples, ...ofTerms]);
  const scalars = [...names].map((name) => port(name, typeOf(name)));
  const ports = { loss, metrics, examples, reading, terms };
  if (custom.length > 0)
    await checkCustomTypes(
      ort,
      await patched(graph, joined(typed({ scalars }), back, { inputs: shares })),
      custom,
    );
  const plan = { output: forward.output, notes: forward.notes };
  const retyped = openRows(model, plain);
  const open = retyped.length > 0 ? { retyped, stated } : {};
  return { graph, optimizer, reached, back, open, scalars, ports, plan, shares };
}

/** Returns the scalars as outputs with their types. */
export const typed = ({ scalars }: Pick<DifferentiatedStep, "scalars">) => ({
  untold: scalars.map(({ name }) => name),
  outputs: scalars,
});

/** Adds the update to a model's forward and backward pass. */
async function wholeStep(differentiated: DifferentiatedStep, open: Partial<Patch> = {}) {
  const { graph, optimizer, reached, back, ports } = differentiated;
  const written = newBuilder(graph, "update");
  const { inputs, outputs, ...own } = update(written, reached, optimizer);
  const model = await strictlyPatched(
    graph,
    joined(typed(differentiated), back, written, { inputs, outputs }, open),
  );
  return { model, ports: { ...ports, ...own } };
}

/** The gradients of a loss, and the weights that have one. */
function backward(
  { model: { graph }, types, reasons }: PlainModel,
  { terms, weights }: ModelWithLoss,
  { rules, shared }: { readonly rules: GradientRules | undefined; readonly shared: boolean },
) {
  const [first, draft] = [newBuilder(graph, "loss.grad"), newBuilder(graph, "grad")];
  const shares = shared ? terms.map(() => port(first.fresh("share"), SCALAR)) : [];
  const of = startsOf(graph, types, { terms, shares, first, draft });
  const { gradients, nodes, tensors, custom, stated } = backpropagate(graph, {
    of,
    wrt: weights.map(({ name }) => name),
    types,
    builder: draft,
    rules,
    reasons,
  });
  const places = new Map(nodes.flatMap(({ outputs }, k) => outputs.map((name) => [name, k])));
  // The last factor and the name of a gradient are written behind the backward pass of all weights.
  const placeOf = (name: string): number => {
    const place = places.get(name) ?? 0;
    const { op, inputs } = nodes[place];
    const [before, ...others] = inputs;
    const isLast = op === "Identity" || op === "Neg" || (op === "Mul" && !places.has(others[0]));
    return isLast && places.has(before) ? placeOf(before) : place;
  };
  const reached = weights.flatMap((of) => {
    const gradient = gradients.get(of.name);
    return gradient ? [{ of, gradient, place: placeOf(gradient) }] : [];
  });
  if (reached.length === 0)
    throw new InputError("no weight to train affects the loss; name others with --train.");
  const placed = [...first.nodes, ...nodes.map((node) => ({ before: null, node }))];
  return {
    back: { nodes: placed, tensors: [...first.tensors, ...tensors] },
    stated,
    reached,
    custom,
    shares,
  };
}

interface Starts {
  readonly terms: readonly AttachedTerm[];
  readonly shares: readonly Port[];
  readonly first: Builder;
  readonly draft: Builder;
}

/** Where the gradients of the losses start, and the gradient there. */
function startsOf(
  { main: { values } }: Graph,
  types: Types,
  { terms, shares, first, draft }: Starts,
): ReadonlyMap<string, string> {
  const { op, to } = first;
  const starts = new Map<string, string>();
  for (const [k, { start, value, weight }] of terms.entries()) {
    const at = start && values.has(start.scores) ? start.scores : value;
    const dtype = types.get(values.get(at)!)?.dtype;
    if (dtype === undefined)
      throw new InputError(
        `onnxruntime cannot infer the type of ${at} from the sizes of the inputs; check that they fit together.`,
      );
    const factor = (by: Builder) => by.constant(dtype, [], [weight]);
    const share = shares[k] && to.cast(shares[k].name, dtype, "float");
    const scaled = (g: string) => (share ? op.Mul(g, share) : g);
    const written = () =>
      scaled(weight === 1 ? start!.write(first) : op.Mul(start!.write(first), factor(first)));
    const plain = () => (share ? scaled(factor(first)) : factor(draft));
    const gradient = at === value ? plain() : written();
    const known = starts.get(at);
    starts.set(at, known === undefined ? gradient : op.Add(known, gradient));
  }
  return starts;
}
