import {
  callbacks,
  checkArgument,
  checkGiven,
  checkModel,
  object,
  texts,
  withOrt,
} from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import type { Sizes } from "../../src/graph/bound.ts";
import { type Builder, newBuilder } from "../../src/graph/builder.ts";
import type { Port } from "../../src/graph/patch-contents.ts";
import { type Model, strictlyPatched } from "../../src/model.ts";
import { isFloat } from "../../src/onnx/dtypes.ts";
import type { Declared } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import { checkCustomTypes } from "./custom-rules.ts";
import { backpropagate } from "./differentiate.ts";
import { plainBetween } from "./prepare.ts";
import type { GradientRules } from "./rule.ts";
import type { Specialized } from "./specialize.ts";

/** What to differentiate, and with respect to what. */
export interface GradientOptions {
  readonly ort: Ort;
  /** Values of the main graph, mostly weights, whose gradients are requested. */
  readonly wrt: readonly string[];
  /** The values to differentiate; the first floating-point output by default. */
  readonly of?: readonly string[] | undefined;
  /** Sizes of the inputs' free dimensions; an unnamed one is "input.axis". */
  readonly dims?: Sizes | undefined;
  /**
   * Gradient rules of your own by operator, "com.example.Warp" for instance: of custom operators, of
   * the model's functions, or in place of built-in ones.
   */
  readonly rules?: GradientRules | undefined;
}

const gradientOptions: Declared<GradientOptions> = {
  ...withOrt,
  wrt: texts,
  of: texts,
  dims: object,
  rules: callbacks,
};

/** A model that also computes gradients. */
export interface Differentiated {
  readonly model: Model;
  /** The input for the cotangent of each differentiated value; null if the cotangent is 1. */
  readonly cotangents: Readonly<Record<string, string | null>>;
  /** The output with the gradient of each requested value; null if none reaches it. */
  readonly gradients: Readonly<Record<string, string | null>>;
}

/**
 * Differentiates a model by rewriting it: the result computes what the model does, and the
 * gradients of Σ cotangent · value with respect to `wrt`, in ONNX operators of the model's own
 * opset. A value of one element has the cotangent 1; for any other there is a new input,
 * "logits.cotangent". The gradient of a weight is the output "weight.grad", of the weight's shape.
 *
 * Only what lies between `wrt` and `of` is differentiated, for inputs of known sizes: `dims` binds
 * the free dimensions, in the result too. Throws a NoGradientError that lists all operators on the
 * path without a gradient, or an InputError if a size is missing or the model does not have a name.
 *
 * @example
 * const { model, gradients } = await differentiate(await openModel("net.onnx"), {
 *   ort, wrt: ["fc.weight"], dims: { batch: 8 },
 * });
 */
export async function differentiate(
  model: Model,
  options: GradientOptions,
): Promise<Differentiated> {
  checkModel("differentiate", model);
  checkGiven("differentiate", options, gradientOptions);
  const { ort, wrt, of, dims = {}, rules } = options;
  checkArgument("wrt of differentiate", wrt, wrt !== undefined, "an array of names");
  const endsOf = (specialized: Specialized) => of ?? [firstFloat(specialized)];
  const plain = await plainBetween(model, ort, { dims, from: wrt, to: endsOf, rules });
  const { types, reasons } = plain;
  const { graph } = plain.model;
  const draft = newBuilder(graph, "grad");
  const { seeds, inputs } = cotangentsOf(endsOf(plain), plain, draft);
  const wanted = { of: seeds, wrt, types, builder: draft, rules, reasons };
  const backward = backpropagate(graph, wanted);
  const outputs = [...backward.gradients].flatMap(([weight, name]): Port[] =>
    name === null ? [] : [{ name, type: types.get(graph.main.values.get(weight)!) ?? null }],
  );
  const nodes = backward.nodes.map((node) => ({ before: null, node }));
  const { tensors } = backward;
  const fed = new Set(inputs.map(({ name }) => name));
  const patch = { nodes, tensors, redirects: [], inputs, outputs };
  const differentiated = await strictlyPatched(graph, patch);
  await checkCustomTypes(ort, differentiated, backward.custom);
  return {
    model: differentiated,
    cotangents: Object.fromEntries([...seeds].map(([name, g]) => [name, fed.has(g) ? g : null])),
    gradients: Object.fromEntries(backward.gradients),
  };
}

function cotangentsOf(ends: readonly string[], { model, types }: Specialized, draft: Builder) {
  const { graph } = model;
  const inputs: Port[] = [];
  const seeds = new Map<string, string>();
  for (const name of ends) {
    const value = graph.main.values.get(name);
    if (!value)
      throw new InputError(`${graph.file.source.name} has no value ${name}; check the name.`);
    const type = types.get(value) ?? null;
    if (type?.shape?.every((size) => size === 1))
      seeds.set(name, draft.constant(type.dtype, type.shape as number[], [1]));
    else {
      const cotangent = draft.fresh(`${name}.cotangent`);
      inputs.push({ name: cotangent, type });
      seeds.set(name, cotangent);
    }
  }
  return { seeds, inputs };
}

function firstFloat({ model: { graph }, types }: Specialized): string {
  const first = graph.main.outputs.find((value) => isFloat(types.get(value)?.dtype));
  if (!first)
    throw new InputError(
      `${graph.file.source.name} does not have a float output to differentiate; name a float value in option of.`,
    );
  return first.name;
}
