import type { Node } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { own } from "../graph/own.ts";
import { patchedBytes } from "../graph/patch.ts";
import type { Patch, Slot } from "../graph/patch-contents.ts";
import type { AttributeMessage, NodeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { type NewNode, plainNode } from "../onnx/new-node.ts";
import { openBytes } from "../onnx/open-file.ts";
import { contentOf } from "../onnx/source.ts";

/**
 * Plain operators that give the same types as an operator without a CPU kernel. The outputs of those
 * that are not here all have the type of their first input.
 */
const TYPED_LIKE: Readonly<Record<string, (file: ModelFile, node: NodeMessage) => NewNode[]>> = {
  "com.microsoft.BiasSplitGelu": halved,
  "com.microsoft.NhwcConv": (file, node) => convolved(file, node, true),
  "com.microsoft.NhwcFusedConv": (file, node) => convolved(file, node, false),
};

/** Whether onnxruntime has no CPU kernel for a node. */
export const isKernelLess = ({ op }: Pick<Node, "op">) => hasFact(op, "missing");

/** Replaces nodes without a kernel by plain operators of the same types, for inference. */
export function withKeptShapes(model: Uint8Array): Uint8Array {
  const file = openBytes(model);
  const replaced = file.graph.nodes.flatMap((message) => {
    const op = `${message.domain}.${message.opType}`;
    if (!isKernelLess({ op })) return [];
    const by =
      own(TYPED_LIKE, op)?.(file, message) ??
      message.outputs
        .filter((output) => output !== "")
        .map((output) => plainNode("Identity", [message.inputs[0]], [output]));
    return [{ node: { message }, by }];
  });
  return edited(file, { replaced });
}

/** The first opset in which a Split states the number of its pieces. */
const PIECES = 18;

/** Returns the first half along the last axis. */
function halved({ opset }: ModelFile, { inputs: [x], outputs: [y] }: NodeMessage): NewNode[] {
  const pieces = opset >= PIECES ? { num_outputs: 2 } : {};
  return [plainNode("Split", [x], [y, `${y}:rest`], { attributes: { axis: -1, ...pieces } })];
}

/** Returns a convolution between transposes of its image, and of weights in that layout. */
function convolved(
  file: ModelFile,
  { inputs: [x, w, ...rest], outputs: [y], attributes }: NodeMessage,
  weights: boolean,
): NewNode[] {
  const transpose = (from: string, to: string, perm: number[]) =>
    plainNode("Transpose", [from], [to], { attributes: { perm } });
  const first = [0, 3, 1, 2];
  const inputs = [`${y}:x`, weights ? `${y}:w` : w, ...rest.slice(0, 1)];
  const kept = attributes.filter(({ name }) => !name.includes("activation"));
  const values = Object.fromEntries(kept.map((one) => [one.name, attributeOf(file, one)]));
  return [
    transpose(x, `${y}:x`, first),
    ...(weights ? [transpose(w, `${y}:w`, first)] : []),
    plainNode("Conv", inputs, [`${y}:y`], { attributes: values }),
    transpose(`${y}:y`, y, [0, 2, 3, 1]),
  ];
}

/** Returns a convolution's attribute: an integer, integers or a string. */
const attributeOf = ({ reader }: ModelFile, { i, s, ints }: AttributeMessage) =>
  i ?? (s ? new TextDecoder().decode(reader.bytes(s)) : ints);

/**
 * Replaces the node that makes `value` by the plain sum of some of its inputs. The sum is an output
 * of the model, the node's own outputs are not. Returns the model, and the name of that output.
 */
export function withPlainSum(model: Uint8Array, value: string, places: readonly number[]) {
  const { file, message } = makerOf(model, value);
  const name = `${value}:plain`;
  const [first, ...rest] = places.map((place) => message.inputs[place]);
  const partial = (k: number) => (k === rest.length ? name : `${name}:${k}`);
  const by = rest.map((term, k) =>
    plainNode("Add", [k === 0 ? first : partial(k), term], [partial(k + 1)]),
  );
  const replaced = [{ node: { message }, by }];
  const patch = { replaced, untold: message.outputs, outputs: [{ name, type: null }] };
  return { model: edited(file, patch), name };
}

/** Makes an absent output of the node that makes `value` an output of the model; names it too. */
export function withNodeOutput(model: Uint8Array, value: string, index: number) {
  const { file, message } = makerOf(model, value);
  const name = `${value}:sum`;
  const slot: Slot = { node: { message }, index, name, fills: true };
  return { model: edited(file, { nodeOutputs: [slot], outputs: [{ name, type: null }] }), name };
}

function makerOf(model: Uint8Array, value: string) {
  const file = openBytes(model);
  return { file, message: file.graph.nodes.find(({ outputs }) => outputs.includes(value))! };
}

const edited = (file: ModelFile, patch: Patch) => contentOf(patchedBytes(file, patch).source);
