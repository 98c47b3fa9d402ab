import type { Tensor } from "onnxruntime-common";
import { entry, mapValues } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import { newBuilder } from "../../src/graph/builder.ts";
import { own } from "../../src/graph/own.ts";
import type { Model } from "../../src/model.ts";
import type { Tensors } from "../../src/ort/session.ts";
import { dtypeOf } from "../../src/ort/tensors.ts";
import { checkClasses, columnOfBatch } from "./check-target.ts";
import type { FinetuneOptions } from "./finetune-options.ts";
import type { StepTerm } from "./step-options.ts";
import { axesOfOne } from "./sums-of-one.ts";
import type { LossTarget, Reading } from "./target-reading.ts";
import { checkFollowed, type TrainedTerm, trainedTerms } from "./terms.ts";

/** A loss, and the inputs of the step that it reads. */
interface FedTerm extends TrainedTerm {
  /** The name of its target among the tensors of a batch; null without a target. */
  readonly from: string | null;
}

/** Losses of a training, and what a batch brings for them. */
export class FedTerms {
  readonly #model: Model;
  /** Inputs of the step, by what they are in a batch: the model may have values of these names. */
  readonly #ports = new Map<string, string>();
  readonly terms: readonly FedTerm[];
  /** Axes of the first targets along which all sums are 1. */
  readonly #sumsToOne = new Map<string, number[]>();

  constructor(model: Model, options: FinetuneOptions) {
    this.#model = model;
    const { fresh } = newBuilder(model.graph, "loss");
    const terms = trainedTerms(options);
    checkFollowed(terms, options.teacher !== undefined);
    this.terms = terms.map((term) => {
      const { chosen, target, output } = term;
      // What the teacher gives has a name of its own among a batch's tensors.
      const taught = ["teacher", target ?? output].filter((part) => part !== null).join("/");
      return { ...term, from: chosen.loss.distils ? taught : target };
    });
    for (const { from, arrays } of this.terms)
      for (const name of [from, ...Object.values(arrays)])
        if (name !== null && !this.#ports.has(name)) this.#ports.set(name, fresh(name));
  }

  /** What a batch brings to a step: the model's inputs, targets and further arrays. */
  feeds(batch: Tensors): Record<string, Tensor> {
    const inputs = this.#model.graph.main.inputs.map(({ name }) => [name, name] as const);
    const entries = [...inputs, ...[...this.#ports].map(([name, port]) => [port, name] as const)];
    return Object.fromEntries(
      entries.map(([port, name]) => {
        if (!own(batch, name))
          throw new InputError(
            `a batch has no ${name}; it has ${Object.keys(batch).join(", ") || "none"}.`,
          );
        if (!batch[name].dims)
          throw new InputError(`${name} of a batch must be a Tensor of onnxruntime.`);
        return [port, batch[name]];
      }),
    );
  }

  /** What may be wrong if the loss is infinite, a clause; null if nothing is known. */
  get hint(): string | null {
    const hints = this.terms.flatMap(({ chosen }) => chosen.loss.hint ?? []);
    return hints.length > 0 ? hints.join("; ") : null;
  }

  /** Examples in a batch, by its first target, or by the first input that has dimensions. */
  rows(fed: Tensors): number {
    const [target] = this.terms.flatMap(({ from }) => from ?? []);
    const counted = target === undefined ? undefined : fed[this.#ports.get(target)!];
    const tensor = counted ?? Object.values(fed).find(({ dims }) => dims.length > 0);
    return tensor?.dims[0] ?? 1;
  }

  /** Throws an InputError if a target is not what its loss reads it as. */
  check(fed: Tensors, readings: readonly { readonly reading: Reading }[]): void {
    for (const [k, { from, chosen }] of this.terms.entries()) {
      if (from === null || chosen.loss.distils) continue;
      const column = columnOfBatch(from, fed[this.#ports.get(from)!]);
      checkClasses(column, null, chosen, readings[k].reading);
    }
  }

  /** The losses of a step graph for tensors of these sizes. */
  stepTerms(fed: Tensors): StepTerm[] {
    return this.terms.map(({ chosen, output, weight, from, arrays }) => ({
      chosen,
      output: output ?? undefined,
      weight,
      target: from === null ? undefined : this.#target(chosen, from, fed),
      arrays: mapValues(arrays, (name) => this.#array(name, fed)),
    }));
  }

  #target(chosen: TrainedTerm["chosen"], from: string, fed: Tensors): LossTarget {
    const array = this.#array(from, fed);
    const sumsToOne = entry(this.#sumsToOne, from, () => axesOfOne(chosen, fed[array.name]));
    const isInput = this.#model.graph.main.inputs.some(({ name }) => name === from);
    return { ...array, isInput, sumsToOne };
  }

  /** An array of a batch, under the name of its input. */
  #array(name: string, fed: Tensors): LossTarget {
    const port = this.#ports.get(name)!;
    return { name: port, type: { dtype: dtypeOf(fed[port]), shape: fed[port].dims } };
  }
}
