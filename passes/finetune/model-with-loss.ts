import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import { typeOfTensor } from "../../src/graph/constants.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import { type Specialized, specialize } from "../gradient/specialize.ts";
import { type LossGiven, lossOf } from "../losses/index.ts";
import type { ChosenLoss, LossOutputs } from "../losses/loss.ts";
import type { Need } from "../metrics/metric.ts";
import { type AttachedLoss, attachLoss } from "./attach-loss.ts";
import type { TermPlan } from "./finetune-options.ts";
import { type OutputForLoss, outputForLoss } from "./output-for-loss.ts";
import { joined, port, sizesOf } from "./ports.ts";
import { checkReached, namedWeights, unneeded } from "./reached.ts";
import { readyForLoss } from "./ready-for-loss.ts";
import type { StepOptions, StepTerm } from "./step-options.ts";
import type { LossTarget, Reading } from "./target-reading.ts";
import { type TrainedWeight, trainedWeights } from "./trained-weights.ts";

/** One of the losses of a model: the names of its scalars, and how it is computed. */
export interface AttachedTerm extends TermPlan, LossOutputs, Pick<AttachedLoss, "observed"> {
  /** The name of its loss, without its weight; `loss` is the name of the loss function. */
  readonly value: string;
}

/** The scalars of all losses together, outputs of the model. */
export type Scalars = Pick<LossOutputs, "loss" | "metrics" | "examples">;

/** What losses give. */
export interface LossPorts extends Scalars {
  /** How the target is read: its classes, and whether labels are moved ahead; of the first loss. */
  readonly reading: Reading;
  /** The losses; scalar outputs of each are the loss without its weight, and its examples. */
  readonly terms: readonly AttachedTerm[];
}

/** A model with its losses attached to it and its trained weights as inputs. */
export interface ModelWithLoss extends LossPorts {
  readonly model: Model;
  readonly weights: readonly TrainedWeight[];
  /** The output that the first loss is computed on. */
  readonly output: string;
  /** What a user must know of how the losses are computed, a sentence each. */
  readonly notes: readonly string[];
}

interface ChosenTerm extends StepTerm {
  readonly chosen: ChosenLoss;
}

function chosenTerms(options: StepOptions): ChosenTerm[] {
  const terms: readonly StepTerm[] = options.losses ?? [options];
  return terms.map((term) => {
    const { chosen, loss, lossOptions } = term;
    const given = { ...options.lossOptions, ...lossOptions };
    return { ...term, chosen: chosen ?? lossOf(loss as LossGiven, given) };
  });
}

/**
 * Fixes a model's sizes to those of one batch, attaches its losses and makes the trained weights
 * inputs. Throws an InputError if a target does not fit, or if a weight of `train` cannot change
 * an output. `needs` is what metrics need; null if none are requested.
 */
export async function withLoss(
  model: Model,
  options: StepOptions,
  needs: ReadonlySet<Need> | null = null,
): Promise<ModelWithLoss> {
  const { ort } = options;
  const terms = chosenTerms(options);
  const weights = trainedWeights(model, options.train);
  const names = weights.map(({ name }) => name);
  const { types } = await typesOf(model, ort);
  const sizes = sizesOf(model.graph, types, options.inputs);
  const specialized = await specialize(model, ort, { dims: sizes, free: names, least: 0 });
  const find = (place: Specialized) => terms.map((term) => outputOf(place, term, names));
  const last = await readyForLoss(specialized, ort, find, names);
  const { graph } = last.model;
  const chosen = find(last);
  const outputs = chosen.map(({ value }) => value);
  const compared = [...outputs, ...terms.flatMap((term) => othersOf(graph, term))];
  const idle = checkReached(graph, compared, namedWeights(model, options.train));
  const written = newBuilder(graph, "loss");
  const rows = rowsOf(options, terms);
  const attached = attachedTerms(written, last, { terms, outputs, rows, needs });
  const combined = combinedOf(written, attached, rows);
  const given = [...targetsOf(terms)].map(([name, { type }]) => port(name, type));
  const patch = lossPatch(written, graph, names, scalarsOf(combined, attached));
  const notes = [
    ...idle,
    ...attached.flatMap((term) => term.notes),
    ...chosen.flatMap(({ note }) => note ?? []),
  ];
  const [{ reading, output }] = attached;
  return {
    model: await patched(graph, joined(written, { inputs: given }, patch)),
    weights,
    terms: attached,
    ...combined,
    reading,
    output,
    notes: [...new Set(notes)],
  };
}

/** The named weights become inputs; the scalars of the losses are the only outputs. */
function lossPatch(
  { nodes }: Builder,
  graph: Graph,
  names: string[],
  scalars: readonly string[],
): Patch {
  const fed = new Set(graph.file.graph.inputs.map(({ name }) => name));
  const weights = names.map((name) => graph.main.values.get(name)!);
  const inputs = weights.filter(({ name }) => !fed.has(name));
  return {
    outputs: scalars.map((name) => port(name)),
    untold: graph.main.outputs.map(({ name }) => name),
    removed: [...weights, ...unneeded(graph, nodes, scalars)],
    inputs: inputs.map((value) => port(value.name, typeOfTensor(value))),
  };
}

function outputOf(
  { model: { graph }, types }: Specialized,
  { chosen, target, output }: ChosenTerm,
  trained: readonly string[],
): OutputForLoss {
  const { loss, reads } = chosen;
  const known = loss.distils || loss.fit || !target ? null : target.type;
  return outputForLoss(graph, types, output ?? null, {
    reads,
    target: known,
    isLoss: loss.name === "output",
    trained: trained.flatMap((name) => graph.main.values.get(name) ?? []),
  });
}

/** Further outputs that a loss is computed on. */
const othersOf = ({ main }: Graph, { chosen: { loss, options } }: ChosenTerm): Value[] =>
  (loss.others ?? []).flatMap((option) => main.values.get(String(options[option])) ?? []);

/** Rows of a batch: those of a target, or of the first input. */
function rowsOf({ inputs }: StepOptions, terms: readonly ChosenTerm[]): number {
  const targets = terms.flatMap(({ target }) => target?.type.shape?.[0] ?? []);
  return Number(targets[0] ?? Object.values(inputs)[0]?.[0] ?? 1);
}

/** Targets and further arrays of all losses, each once, by name. */
const targetsOf = (terms: readonly ChosenTerm[]): ReadonlyMap<string, LossTarget> =>
  new Map(
    terms
      .flatMap(({ target, arrays }) => [
        ...(target ? [target] : []),
        ...Object.values(arrays ?? {}),
      ])
      .map((target) => [target.name, target]),
  );

interface Attaching {
  readonly terms: readonly ChosenTerm[];
  readonly outputs: readonly Value[];
  readonly rows: number;
  readonly needs: ReadonlySet<Need> | null;
}

function attachedTerms(
  written: Builder,
  { model: { graph }, types }: Specialized,
  { terms, outputs, rows, needs }: Attaching,
) {
  const names = outputs.map(({ name }) => name);
  const labels = labelsOf(
    terms.map(({ chosen: { loss }, target }, k) => [
      names[k],
      loss.name,
      ...(target ? [target.name] : []),
    ]),
  );
  return terms.map((term, k) => {
    const { chosen, target = null, arrays = {}, weight = 1 } = term;
    const compared = { target, arrays, rows, needs };
    const place = { graph, types, output: outputs[k] };
    const { loss: value, ...attached } = attachLoss(written, place, chosen, compared);
    const { name: loss } = chosen.loss;
    return { ...attached, value, loss, output: names[k], weight, label: labels[k] };
  });
}

/** A label for each term: as many of its parts as it takes to be the only one, or also its place. */
function labelsOf(parts: readonly (readonly string[])[]): string[] {
  const start = (of: readonly string[], count: number) => of.slice(0, count).join(".");
  return parts.map((own, k) => {
    const isAlone = (count: number) =>
      parts.every((other, at) => at === k || start(other, count) !== start(own, count));
    const count = own.findIndex((_, at) => isAlone(at + 1)) + 1;
    return count > 0 ? start(own, count) : `${own.join(".")}.${k + 1}`;
  });
}

/** Writes the weighted sum of several losses; a single one is as it is. */
function combinedOf(
  { op, to, constant }: Builder,
  terms: readonly AttachedTerm[],
  rows: number,
): Scalars {
  const [{ value, metrics, examples, weight }] = terms;
  const scaled = terms.map((term) => {
    const float = to.cast(term.value, "float");
    return term.weight === 1 ? float : op.Mul(float, constant("float", [], [term.weight]));
  });
  if (terms.length === 1) return { loss: weight === 1 ? value : scaled[0], metrics, examples };
  return {
    loss: op.Sum(scaled),
    metrics: Object.fromEntries(
      terms.flatMap((term) =>
        Object.entries({ loss: term.value, ...term.metrics }).map(([name, of]) => [
          `${term.label}.${name}`,
          of,
        ]),
      ),
    ),
    examples: op.Identity(constant("float", [], [rows])),
  };
}

/** The scalars, and what metrics read. */
function scalarsOf(
  { loss, metrics, examples }: Scalars,
  terms: readonly AttachedTerm[],
): readonly string[] {
  const ofTerms = terms.flatMap(({ value, examples, observed: read }) =>
    [value, examples, read?.predicted, read?.actual, read?.places, read?.surprise].filter(
      (name) => name != null,
    ),
  );
  return [...new Set([loss, ...Object.values(metrics), examples, ...ofTerms])];
}
