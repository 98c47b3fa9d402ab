import type { Tensor } from "onnxruntime-common";
import { entry } from "../../src/entry.ts";
import { type Model, patched, strictlyPatched } from "../../src/model.ts";
import { type Ort, runBatch, type Tensors } from "../../src/ort/session.ts";
import { numberOf, scalarTensor, tensorOfFloats, toFloat64 } from "../../src/ort/tensors.ts";
import { type Evaluation, figuresOf, summed, together } from "./evaluation.ts";
import type { FedTerms } from "./fed-terms.ts";
import { type AttachedTerm, withLoss } from "./model-with-loss.ts";
import { gradientPorts, joined } from "./ports.ts";
import { unneeded } from "./reached.ts";
import {
  type Prepared,
  prepared,
  type SessionsBySize,
  type Sized,
  sessionsBySize,
} from "./sessions-by-size.ts";
import { type DifferentiatedStep, differentiatedStep, typed } from "./step-graph.ts";
import type { StepOptions } from "./step-options.ts";
import { type UpdatePorts, updateAlone } from "./update.ts";

interface AccumulationOf {
  readonly ort: Ort;
  readonly threads: number;
  /** The options of a step graph for tensors of these sizes. */
  readonly sized: (fed: Tensors) => StepOptions;
  readonly terms: FedTerms;
}

/** Adds up the gradients of several batches, each by its examples, as if they were one batch. */
export class Accumulation {
  readonly #ort: Ort;
  readonly #threads: number;
  readonly #terms: FedTerms;
  readonly #gradients: SessionsBySize<GradientPorts>;
  readonly #counts: SessionsBySize<readonly string[]>;
  #update: Promise<Prepared<UpdatePorts>> | null = null;

  constructor(model: Model, { ort, threads, sized, terms }: AccumulationOf) {
    this.#terms = terms;
    this.#ort = ort;
    this.#threads = threads;
    this.#gradients = sessionsBySize(ort, threads, (fed) => gradientModel(model, sized(fed)));
    this.#counts = sessionsBySize(ort, threads, (fed) => countModel(model, sized(fed)));
  }

  /** Returns the mean gradients over all examples, the figures, and the session of the update. */
  async of(batches: readonly Tensors[], weights: Tensors, place: string) {
    const sums = new Map<string, Float32Array | Float64Array>();
    const parts: Evaluation[][] = [];
    const shares = await this.#shares(batches, weights);
    let ports: GradientPorts | null = null;
    for (const [k, fed] of batches.entries()) {
      const prepared = await this.#gradients.of(fed);
      ports = prepared.ports;
      this.#terms.check(fed, ports.terms);
      const feeds: Record<string, Tensor> = { ...fed, ...weights };
      for (const [term, name] of ports.shares.entries())
        feeds[name] = scalarTensor(this.#ort, shares?.[k][term] ?? 1);
      const outputs = await runBatch(prepared.session, feeds, place);
      const figures = figuresOf(ports.terms, this.#terms.rows(fed), outputs);
      parts.push(figures);
      const factor = shares ? 1 : figures[0].examples;
      for (const { of, gradient } of ports.step.reached) addTo(sums, of, outputs[gradient], factor);
    }
    const { terms, step } = ports!;
    const figures = terms.map((_, term) => together(parts.map((part) => part[term])));
    const whole = shares ? 1 : figures[0].examples || 1;
    this.#update ??= this.#prepare(step);
    return {
      gradients: Object.fromEntries(
        step.reached.map(({ of, gradient }) => {
          const mean = sums.get(of.name)!.map((value) => value / whole);
          return [gradient, tensorOfFloats(this.#ort, mean, of.dims)];
        }),
      ),
      figures: summed(terms, figures),
      update: await this.#update,
    };
  }

  /** Releases all sessions. */
  async close(): Promise<void> {
    await this.#gradients.close();
    await this.#counts.close();
    await (await this.#update)?.session.release();
    this.#update = null;
  }

  /** The share of each batch in the examples of each of several losses; null for a single loss. */
  async #shares(batches: readonly Tensors[], weights: Tensors): Promise<number[][] | null> {
    const { ports } = await this.#gradients.of(batches[0]);
    if (ports.terms.length === 1) return null;
    const counts: number[][] = [];
    for (const fed of batches) {
      const { session, ports } = await this.#counts.of(fed);
      const outputs = await runBatch(session, { ...fed, ...weights }, "the count");
      counts.push(ports.map((name) => numberOf(outputs[name])));
    }
    const totals = ports.terms.map((_, term) =>
      counts.reduce((sum, batch) => sum + batch[term], 0),
    );
    return counts.map((batch) => batch.map((count, term) => count && count / totals[term]));
  }

  async #prepare(step: GradientPorts["step"]): Promise<Prepared<UpdatePorts>> {
    const { graph, reached, optimizer } = step;
    const summed = reached.map((weight) => ({ ...weight, dtype: summedAs(weight.of.dtype) }));
    const { model, ...ports } = await updateAlone(graph, summed, optimizer);
    return prepared(this.#ort, this.#threads, { model, ports });
  }
}

/** Adds a gradient times a factor to the sum of a weight's gradients. */
function addTo(
  sums: Map<string, Float32Array | Float64Array>,
  { name, dtype }: { readonly name: string; readonly dtype: string },
  gradient: Tensor,
  factor: number,
): void {
  const values = dtype === "float" ? (gradient.data as Float32Array) : toFloat64(gradient);
  const kind = summedAs(dtype) === "double" ? Float64Array : Float32Array;
  const sum = entry(sums, name, () => new kind(values.length));
  for (let k = 0; k < sum.length; k++) sum[k] += factor * values[k];
}

/** The ports of a graph that gives the gradients of one of several batches. */
interface GradientPorts {
  readonly step: DifferentiatedStep;
  readonly terms: readonly AttachedTerm[];
  /** Scalar inputs that multiply the gradient of each loss. */
  readonly shares: readonly string[];
}

/** Makes the graph of the gradients of one of several batches. */
async function gradientModel(model: Model, options: StepOptions): Promise<Sized<GradientPorts>> {
  const step = await differentiatedStep(model, options, true);
  const { graph, reached, back, shares } = step;
  const ports = { inputs: shares, outputs: gradientPorts(reached) };
  const patch = joined(typed(step), back, ports, step.open);
  return {
    model: await strictlyPatched(graph, patch),
    ports: { step, terms: step.ports.terms, shares: shares.map(({ name }) => name) },
  };
}

/** Returns the data type in which the gradients of a weight are added up. */
const summedAs = (dtype: string) => (dtype === "double" ? "double" : "float");

/** Makes the graph that counts the examples of each loss in a batch, and nothing else. */
async function countModel(model: Model, options: StepOptions): Promise<Sized<readonly string[]>> {
  const { model: forward, terms } = await withLoss(model, options);
  const { graph } = forward;
  const counts = terms.map(({ examples }) => examples);
  const removed = unneeded(graph, [], counts);
  const names = graph.main.outputs.map(({ name }) => name);
  const untold = names.filter((name) => !counts.includes(name));
  return { model: await patched(graph, { removed, untold }), ports: counts };
}
