import { sha256 } from "#node";
import {
  checkArgument,
  checkGiven,
  checkModel,
  type WithOrt,
  withOrt,
} from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { uniqueNames } from "../../src/graph/builder.ts";
import { constants, numbersOf } from "../../src/graph/constants.ts";
import {
  called,
  type Node,
  outputsOf,
  typeOfInfo,
  type Use,
  type Value,
} from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { uniformWithin } from "../../src/graph/random.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { walk } from "../../src/graph/walk.ts";
import { type Model, patched, typesOf } from "../../src/model.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { type DenseTensor, plainNode } from "../../src/onnx/new-node.ts";
import { valuesOf } from "../../src/option-values.ts";
import type { Declared } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import { type ChosenLayer, chosenLayer, restatedLayer } from "./chosen-layer.ts";
import { floatLayer } from "./float-layer.ts";
import type { ClassPath } from "./follow-classes.ts";
import { comparesDirections, type LinearLayer } from "./linear-layer.ts";
import { tuningEntry } from "./tuning.ts";
import { unreadAfter } from "./unread-after.ts";

/** Which layer is replaced, and by what. */
export interface HeadOptions extends WithOrt {
  /** Name of the last linear layer: its module ("fc"), node or weight, or a glob. */
  readonly layer: string;
  readonly classes: number;
  /** Seed of the new weights; 0 by default. */
  readonly seed?: number | undefined;
}

const headOptions = {
  ...withOrt,
  layer: { type: "string" },
  classes: { type: "number", range: { integer: true, min: 1 } },
  seed: { type: "number", default: 0, range: { integer: true } },
} as const satisfies Declared<HeadOptions>;

/**
 * Replaces a classifier's last linear layer by one of another number of classes, with new weights
 * as PyTorch's Linear and Conv2d have them: U(±1/√fan-in), weight and bias. Everything else stays,
 * a final Softmax too. Throws an InputError if the layer is not found, is not the last one, or if
 * a node behind it takes no other number of classes.
 */
export async function newHead(model: Model, options: HeadOptions): Promise<Model> {
  checkModel("newHead", model);
  checkGiven("newHead", options, headOptions);
  checkArgument("newHead", options.layer, Boolean(options.layer), "the name of a layer");
  const { ort, layer: name } = options;
  const { classes, seed } = valuesOf(headOptions, { ...options });
  const asked = await knownOf(model, ort);
  const chosen = chosenLayer(asked, name, classes);
  const floats = await floatLayer(asked, chosen);
  const known = floats ? await knownOf(floats.model, ort) : asked;
  const { layer, partners, path } = floats ? restatedLayer(known, floats.isLayer, classes) : chosen;
  const layers = [layer, ...partners];
  const tensors = layers.flatMap((part) => weightsOf(known, part, { classes, seed }));
  const patch = patchOf(known, { layers, path, classes }, tensors);
  const head = {
    ...{ layer: name, classes, seed, weights: tensors.map((part) => part.tensor.name) },
    ...(isQuantized(chosen) ? { fromIntegers: true } : {}),
    ...(comparesDirections(chosen.layer) ? { fromDirections: true } : {}),
  };
  const record = { sha256: await sha256(model.source), trained: head.weights, head };
  const changed = await patched(known.graph, { ...patch, metadata: [tuningEntry(record)] });
  await checkSizes(changed, { ort, layer: name, classes, axes: path.axes });
  return changed;
}

async function knownOf(model: Model, ort: Ort): Promise<KnownGraph> {
  const { graph } = model;
  const { types } = await typesOf(model, ort);
  return { graph, types, constants: constants(graph) };
}

const isQuantized = ({ layer, path }: ChosenLayer) =>
  layer.weight.producer?.op === "DequantizeLinear" ||
  (layer.lowered !== null && layer.lowered !== "fused") ||
  path.quantizers.length + path.lowered.length > 0;

/** Throws an InputError if a value behind the new layer does not have that many classes. */
async function checkSizes(
  model: Model,
  { ort, layer, classes, axes }: HeadOptions & { readonly axes: ReadonlyMap<Value, number> },
): Promise<void> {
  const { types } = await typesOf(model, ort);
  for (const [{ name }, axis] of axes) {
    const value = model.graph.main.values.get(name);
    const size = value && types.get(value)?.shape?.[axis];
    if (typeof size === "number" && size !== classes)
      throw new InputError(
        `--new-head ${layer}: ${name} of ${model.file.source.name} has ${size} classes behind a layer of ${classes}; its sizes are computed from the old number, so export the model with ${classes} classes instead.`,
      );
  }
}

/** A new weight, and the slot that reads it. */
interface NewWeight {
  readonly tensor: DenseTensor;
  readonly use: Use;
  readonly old: Value;
}

/** PyTorch's start of a linear layer: kaiming_uniform(a = √5) is U(±1/√fan-in). */
function weightsOf(
  known: KnownGraph,
  { node, weight, index, axis, weightDims, bias, outputs }: LinearLayer,
  { classes, seed }: { readonly classes: number; readonly seed: number },
): NewWeight[] {
  // PyTorch counts the first axis but one, which of a ConvTranspose is that of the outputs.
  const across = node.op === "ConvTranspose" ? weightDims.with(1, classes).slice(1) : [];
  const fanIn = across.length > 0 ? elements(across) : elements(weightDims) / outputs;
  const limit = 1 / Math.sqrt(fanIn);
  const fresh = (old: Value, use: Use, dims: readonly number[]): NewWeight => {
    const { dtype } = known.types.get(old)!;
    const name = nameFor(known, old, use);
    const values = uniformWithin(limit, elements(dims), seed, name);
    return { tensor: { name, dtype, dims, data: encodeNumbers(dtype, values) }, use, old };
  };
  const weights = [fresh(weight, { node, index }, weightDims.with(axis, classes))];
  if (bias) {
    const place = bias.dims.lastIndexOf(outputs);
    // A bias of one number for all classes becomes one for each.
    const dims = place < 0 ? [classes] : bias.dims.with(place, classes);
    weights.push(fresh(bias.value, { node: bias.node, index: bias.index }, dims));
  }
  return weights;
}

/** The old weight's name if nothing else reads that weight; otherwise one that no value has. */
function nameFor({ graph }: KnownGraph, old: Value, { node, index }: Use): string {
  if (isOnlyHere(graph, old)) return old.name;
  const label = `${called(node)}.${index === 1 ? "weight" : "bias"}`;
  return uniqueNames(graph.names)(label);
}

const isOnlyHere = ({ file }: KnownGraph["graph"], { name, initializer, uses, isOutput }: Value) =>
  initializer !== null &&
  uses.length === 1 &&
  !isOutput &&
  file.message.irVersion >= 4 &&
  !file.graph.inputs.some((input) => input.name === name);

function patchOf(
  { graph, types }: KnownGraph,
  { layers, path, classes }: { layers: readonly LinearLayer[]; path: ClassPath; classes: number },
  weights: readonly NewWeight[],
): Patch {
  const shapes = path.entries.map(({ use, entry }) => {
    const sizes = numbersOf(use.node.inputs[use.index])!.with(entry, classes);
    const { dtype, shape } = types.get(use.node.inputs[use.index]!)!;
    const dims = shape?.length === 0 ? [] : [sizes.length];
    const name = `${use.node.outputs[0]!.name}.shape`;
    const free = graph.names.has(name) ? `${name}.classes` : name;
    return { use, tensor: { name: free, dtype, dims, data: encodeNumbers(dtype, sizes) } };
  });
  const redirects = [...weights, ...shapes].flatMap(({ use, tensor }) =>
    use.node.inputs[use.index]!.name === tensor.name ? [] : [{ use, name: tensor.name }],
  );
  const replaced = unrounded([
    ...layers.flatMap(({ bias }) => bias?.through ?? []),
    ...path.quantizers,
  ]);
  const lost = [
    ...redirects.map(({ use }) => use),
    ...replaced.flatMap(({ node }) => [1, 2].map((index) => ({ node, index }))),
  ];
  const own = layers.map(({ node, outputAxis }) => [node.outputs[0]!, outputAxis] as const);
  const axes = new Map([...own, ...path.axes]);
  return {
    tensors: [...weights, ...shapes].map(({ tensor }) => tensor),
    redirects,
    replaced,
    removed: [
      ...weights.flatMap(({ tensor, old }) => (tensor.name === old.name ? [old] : [])),
      ...unreadAfter(graph, lost),
    ],
    retyped: [...axes].flatMap(([value, axis]) => {
      const stated = graph.file.graph.outputs.find(({ name }) => name === value.name);
      const declared = stated && typeOfInfo(stated);
      const type = declared?.shape ? declared : types.get(value);
      const shape = type?.shape?.with(axis, classes);
      return type && shape ? [{ name: value.name, type: { ...type, shape } }] : [];
    }),
  };
}

/** Rounding behind the layer, whose range is that of the old classes, becomes a plain copy. */
const unrounded = (quantizers: readonly Node[]) =>
  quantizers.some(({ outputs, op }) => op === "QuantizeLinear" && leavesRounded(outputs[0]!))
    ? []
    : quantizers.map((node) => {
        const [from, to, { name }] = [node.inputs[0]!.name, node.outputs[0]!.name, node.message];
        return { node, by: [plainNode("Identity", [from], [to], { name })] };
      });

/** Whether integers leave the model. */
function leavesRounded(value: Value): boolean {
  const isRounded = ({ op }: Node) => op !== "DequantizeLinear" && !hasFact(op, "chooses", "sizes");
  const passed = ({ uses }: Value) =>
    uses.flatMap(({ node }) => (isRounded(node) ? outputsOf(node) : []));
  return [...walk([value], passed)].some(({ isOutput }) => isOutput);
}

/** Throws an InputError unless a new head and its number of classes are given together. */
export function checkHead(layer: string | undefined, classes: number | undefined): void {
  if ((layer === undefined) === (classes === undefined)) return;
  throw new InputError(
    layer === undefined
      ? "--classes is the number of classes of a new last layer; name that layer with --new-head."
      : `--new-head ${layer} needs the number of its classes; give --classes.`,
  );
}
