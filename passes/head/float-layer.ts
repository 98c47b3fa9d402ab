import { called, type Graph, type Node } from "../../src/graph/graph.ts";
import { patched } from "../../src/model.ts";
import { dataTypeNamed } from "../../src/onnx/dtypes.ts";
import { plainNode } from "../../src/onnx/new-node.ts";
import { copiedAttributes } from "../lower/composite.ts";
import { WINDOW } from "../lower/convolutions.ts";
import { lowering } from "../lower/index.ts";
import type { KnownGraph } from "../residuals/residual.ts";
import type { ChosenLayer } from "./chosen-layer.ts";
import { type IntegerProduct, integerProduct, type LinearLayer } from "./linear-layer.ts";
import { unreadAfter } from "./unread-after.ts";

/** Writes a chosen layer, and what is quantized behind it, in floats; null if it is so already. */
export async function floatLayer({ graph, types }: KnownGraph, { layer, path }: ChosenLayer) {
  const { node, lowered } = layer;
  if (lowered === null && path.lowered.length === 0) return null;
  if (lowered === "integer product") {
    const product = integerProduct(node)!;
    const [last] = product.output.producer!.outputs;
    return {
      model: await patched(graph, asFloats(graph, node, product)),
      isLayer: (each: LinearLayer) => each.node.outputs[0]?.name === last!.name,
    };
  }
  const opened = lowered === null ? path.lowered : [node, ...path.lowered];
  const start = `${called(node)}.opened`;
  return {
    model: await patched(graph, lowering(graph, types, opened).patch),
    isLayer: (each: LinearLayer) =>
      lowered === null
        ? each.node.outputs[0]?.name === node.outputs[0]?.name
        : each.node.message.name.startsWith(start),
  };
}

/** The product in floats; its weight is replaced afterwards, so that the integers are cast alone. */
function asFloats(graph: Graph, node: Node, { input, output, nodes }: IntegerProduct) {
  const name = output.producer!.message.name || output.name;
  const weight = `${name}.float`;
  const isConv = node.op === "ConvInteger";
  const by = [
    plainNode("Cast", [node.inputs[1]!.name], [weight], {
      name: weight,
      attributes: { to: dataTypeNamed("float")!.number },
    }),
    plainNode(isConv ? "Conv" : "MatMul", [input.name, weight], [output.name], {
      name,
      attributes: copiedAttributes(node, isConv ? WINDOW : []),
    }),
  ];
  const scaled = output.producer!;
  const others = nodes.filter((each) => each !== scaled);
  const rest = unreadAfter(graph, [], { removed: nodes, kept: [input, node.inputs[1]!] });
  return {
    replaced: [{ node: scaled, by }],
    removed: [...others, ...rest],
  };
}
