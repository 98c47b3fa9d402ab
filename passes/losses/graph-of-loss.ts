import { entry } from "../../src/entry.ts";
import { InputError } from "../../src/errors.ts";
import type { Builder } from "../../src/graph/builder.ts";
import { dataOf, typeOfTensor } from "../../src/graph/constants.ts";
import type { Node } from "../../src/graph/graph.ts";
import { sinceOf } from "../../src/graph/operators.ts";
import { changedBetween } from "../../src/graph/opset-changes.ts";
import type { Model } from "../../src/model.ts";
import { type NodeRenaming, Rewriter, UNCHANGED } from "../../src/onnx/renamed-nodes.ts";
import { hasOtherForm, inOtherForm } from "./other-opset.ts";

/** Throws an InputError if the nodes of a loss cannot be written into another model. */
export function checkPlain({ graph, source }: Model): void {
  for (const { op, callee, message } of graph.main.nodes)
    if (callee || op.includes("."))
      throw new InputError(
        `the loss ${source.name} calls ${callee ? `its own function ${message.opType}` : op}; write it only with operators of ai.onnx.`,
      );
}

/** Throws an InputError if the operators of a loss mean something else in a model's opset. */
export function checkOpset(loss: Model, opset: number): void {
  const own = loss.file.opset;
  const { main } = loss.graph;
  const newer = main.nodes.find(({ op }) => sinceOf(op) > opset)?.op;
  const why = newer
    ? `${newer} came in opset ${sinceOf(newer)}`
    : changedBetween(main, Math.min(own, opset), Math.max(own, opset), (node) => {
        const change = { from: own, to: opset };
        return node.scope === main && hasOtherForm(node, change);
      });
  if (why !== null)
    throw new InputError(
      `the loss ${loss.source.name} has opset ${own} and the model opset ${opset}: ${why}; export the loss for opset ${opset}.`,
    );
}

/**
 * Writes the nodes and weights of a model at the place of a writing, its inputs being values that
 * are there, for this opset. Returns the new name of each of its values.
 */
export function writeGraph(
  builder: Builder,
  loss: Model,
  given: ReadonlyMap<string, string>,
  opset: number,
): (name: string) => string {
  const { file, graph } = loss;
  const names = new Map(given);
  const value = (name: string): string =>
    name === "" ? "" : entry(names, name, () => builder.fresh(`loss/${name}`));
  writeWeights(builder, loss, value);
  const rewriter = new Rewriter<Node>(file);
  const place: NodeRenaming<Node> = {
    ...{ ...UNCHANGED, value },
    node: (name) => (name === "" ? "" : builder.fresh(`loss/${name}`)),
  };
  for (const node of graph.main.nodes) {
    const { name, opType, outputs } = node.message;
    const attributes = [...rewriter.attributes(node, place)];
    const form = inOtherForm(builder, node, {
      from: loss.file.opset,
      to: opset,
      inputs: node.message.inputs.map(value),
      attributes: Object.fromEntries(attributes.map(([key, encoded]) => [key, { encoded }])),
    });
    if (typeof form === "string") names.set(outputs[0], form);
    else
      builder.node({
        name: place.node(name || opType),
        op: opType,
        ...form,
        outputs: outputs.map(value),
      });
  }
  return value;
}

function writeWeights(builder: Builder, loss: Model, nameOf: (name: string) => string): void {
  const { graph, source } = loss;
  for (const weight of graph.main.values.values()) {
    const type = weight.initializer && typeOfTensor(weight);
    const data = type && dataOf(weight);
    if (!type) continue;
    if (!data)
      throw new InputError(
        `weight ${weight.name} of the loss ${source.name} is sparse; make it dense.`,
      );
    const { dtype, shape } = type;
    builder.weight({ name: nameOf(weight.name), dtype, dims: shape!.map(Number), data });
  }
}
