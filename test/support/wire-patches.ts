import onnxProto from "onnx-proto";
import type { Graph, Node, Scope, Use } from "../../src/graph/graph.ts";
import type { NewContents } from "../../src/graph/patch-contents.ts";
import type { NewNode } from "../../src/onnx/new-node.ts";
import type { Draw } from "./wire-roughen.ts";
import { type Field, parse, type TypeName } from "./wire-tree.ts";

const { onnx } = onnxProto;
type Message = Extract<Field, { kind: "message" }>;

/** A patch of a model's main graph that could come from a pass, whatever the model is. */
export function arbitraryPatch(draw: Draw, { main }: Graph): NewContents {
  const pick = <T>(from: readonly T[]): T[] => from.filter(() => draw.oneIn(3));
  const value = main.inputs[0].name;
  const longName = () => "n".repeat(draw.oneIn(3) ? 200 : 9);
  return {
    nodes: pick([...main.nodes, ...main.nodes]).map(
      (before, k): { before: Node; node: NewNode } => ({
        before,
        node: {
          name: `${longName()}${k}`,
          op: "Softmax",
          inputs: [value],
          outputs: [`new${k}`],
          attributes: { axis: -1, perm: [1, 0, 300] },
        },
      }),
    ),
    tensors: Array.from({ length: draw.upTo(2) }, (_, k) => ({
      name: `weight${k}`,
      dtype: "float",
      dims: [50, 2],
      data: new Uint8Array(400).fill(k + 1),
    })),
    redirects: pick(usesIn(main)).map((use) => ({ use, name: value })),
  };
}

const usesIn = (scope: Scope): Use[] =>
  scope.nodes.flatMap((node) => [
    ...node.inputs.flatMap((value, index) => (value ? [{ node, index }] : [])),
    ...node.bodies.flatMap(usesIn),
  ]);

/** What the patched model has to be, field by field, worked out on the spelled-out original. */
export function patched(model: readonly Field[], graph: Graph, patch: NewContents): Field[] {
  const result = structuredClone(model) as Field[];
  const graphs = messages(result, 7);
  const at = new Map(pairs(graph.main.message.nodes as Nodes, graphs));
  for (const { use, name } of patch.redirects) {
    const { field } = at.get(use.node.message) ?? missing();
    const slot = field.fields.filter(({ number }) => number === 1)[use.index];
    Object.assign(slot, { pad: 0, lengthPad: 0, bytes: new TextEncoder().encode(name) });
  }
  const tensors = patch.tensors.map(({ name, dims, data }) => ({
    name,
    dims: [...dims],
    dataType: 1,
    rawData: data,
  }));
  const first = graph.file.graph.nodes[0];
  if (graph.file.message.irVersion >= 4 || !first)
    for (const tensor of tensors)
      graphs[graphs.length - 1].fields.push(
        graph.file.message.irVersion >= 4
          ? part(5, "Tensor", onnx.TensorProto.encode(tensor).finish())
          : constant(tensor),
      );
  else for (const tensor of tensors) insertBefore(at.get(first) ?? missing(), constant(tensor));
  for (const { before, node } of patch.nodes)
    insertBefore(at.get(before!.message) ?? missing(), part(1, "Node", encodeNode(node)));
  for (const entry of [provenance()])
    result.push(part(14, "Entry", onnx.StringStringEntryProto.encode(entry).finish()));
  return result;
}

type Nodes = Graph["file"]["graph"]["nodes"];
interface Place {
  readonly field: Message;
  readonly graph: Message;
}

/** Each node, nested ones too, with the field that spells it. */
function* pairs(nodes: Nodes, graphs: readonly Message[]): Generator<[Nodes[number], Place]> {
  const places = graphs.flatMap((graph) =>
    messages(graph.fields, 1).map((field) => ({ field, graph })),
  );
  for (const [k, node] of nodes.entries()) {
    yield [node, places[k]];
    const attributes = messages(places[k].field.fields, 5);
    for (const [j, { g }] of node.attributes.entries())
      if (g) yield* pairs(g.nodes, messages(attributes[j].fields, 6));
  }
}

const messages = (fields: readonly Field[], number: number) =>
  fields.filter((field): field is Message => field.number === number && field.kind === "message");

const insertBefore = ({ graph, field }: Place, added: Field) =>
  graph.fields.splice(graph.fields.indexOf(field), 0, added);

const part = (number: number, type: TypeName, bytes: Uint8Array): Field => ({
  number,
  pad: 0,
  kind: "message",
  type,
  fields: parse(bytes, type),
  lengthPad: 0,
});

const constant = (tensor: { name: string }) =>
  part(
    1,
    "Node",
    onnx.NodeProto.encode({
      name: tensor.name,
      opType: "Constant",
      output: [tensor.name],
      attribute: [{ name: "value", type: 4, t: tensor }],
    }).finish(),
  );

const encodeNode = ({ name, op, inputs, outputs, attributes }: NewNode) =>
  onnx.NodeProto.encode({
    name,
    opType: op,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) =>
      typeof value === "number"
        ? { name, type: 2, i: value }
        : { name, type: 7, ints: [...(value as number[])] },
    ),
  }).finish();

const missing = (): never => {
  throw new Error("the node is not in the tree");
};

/** The fields without the spelling of message lengths, which a change may set right. */
export const plainLengths = (fields: readonly Field[]): Field[] =>
  fields.map((field) =>
    field.kind === "message"
      ? { ...field, lengthPad: 0, fields: plainLengths(field.fields) }
      : field,
  );

/** The entry of metadata_props that a patched model gets. */
export const provenance = () => ({ key: "provenance", value: "added" });
