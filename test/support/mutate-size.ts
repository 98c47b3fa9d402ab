import type { Mutation } from "./mutate-wire.ts";
import type { SeededDraw } from "./seeded.ts";
import {
  type Message,
  messageField,
  messagesOf,
  numberField,
  textField,
  textOf,
} from "./wire-places.ts";
import type { Field } from "./wire-tree.ts";

const SIZES = [1n << 20n, 1n << 28n, 1n << 33n, 1n << 40n, 1n << 62n, (1n << 63n) - 1n];

const graphOf = (model: Field[]) =>
  model.find((field): field is Message => field.kind === "message" && field.number === 7);

/** A value of the main graph: an input or what a node makes. */
function someValue(draw: SeededDraw, graph: Message): string {
  const made = graph.fields.flatMap((field) =>
    field.kind === "message" && field.type === "Node"
      ? field.fields.filter(({ number }) => number === 2)
      : field.kind === "message" && field.number === 11
        ? field.fields.filter(({ number }) => number === 1)
        : [],
  );
  return made.length > 0 ? textOf(draw.one(made)) : "";
}

const integers = (name: string, values: readonly bigint[], scalar = false) =>
  messageField(5, "Tensor", [
    ...(scalar ? [] : [numberField(1, values.length)]),
    numberField(2, 7),
    ...values.map((value) => numberField(7, value)),
    textField(8, name),
  ]);

const node = (op: string, inputs: readonly string[], output: string, ...more: Field[]) =>
  messageField(1, "Node", [
    ...inputs.map((name) => textField(1, name)),
    textField(2, output),
    textField(4, op),
    ...more,
  ]);

/** A value that is one number of a type. */
const scalar = (number: number, name: string, type: number) =>
  messageField(number, "ValueInfo", [
    textField(1, name),
    messageField(2, "Type", [
      messageField(1, "TensorType", [numberField(1, type), messageField(2, "Shape", [])]),
    ]),
  ]);

const output = (name: string) => messageField(12, "ValueInfo", [textField(1, name)]);

/** Adds to a graph; what is added comes first or last, and may be an output. */
function add(draw: SeededDraw, graph: Message, ...fields: Message[]): boolean {
  if (draw.oneIn(2)) graph.fields.push(...fields);
  else graph.fields.unshift(...fields);
  if (draw.oneIn(2)) graph.fields.push(output("bomb"));
  return true;
}

/** Small models of large things: what a few bytes can ask for. */
export const sizeMutations = {
  "large constant": (draw, model) => {
    const graph = graphOf(model);
    if (!graph) return false;
    const sizes = Array.from({ length: 1 + draw.upTo(2) }, () => draw.one(SIZES));
    return add(draw, graph, integers("sizes", sizes), node("ConstantOfShape", ["sizes"], "bomb"));
  },
  "large range": (draw, model) => {
    const graph = graphOf(model);
    const bounds = { from: 0n, to: draw.one(SIZES), by: 1n };
    const scalars = Object.entries(bounds).map(([name, value]) => integers(name, [value], true));
    return !!graph && add(draw, graph, ...scalars, node("Range", Object.keys(bounds), "bomb"));
  },
  "large copies": (draw, model) => {
    const graph = graphOf(model);
    if (!graph) return false;
    const sizes = integers(
      "sizes",
      Array.from({ length: 1 + draw.upTo(3) }, () => draw.one(SIZES)),
    );
    const op = draw.one(["Tile", "Expand", "Reshape"]);
    return add(draw, graph, sizes, node(op, [someValue(draw, graph), "sizes"], "bomb"));
  },
  "long loop": (draw, model) => {
    const graph = graphOf(model);
    if (!graph) return false;
    const body = messageField(6, "Graph", [
      node("Identity", ["going"], "goes"),
      node("Identity", ["turn"], "all"),
      textField(2, "body"),
      scalar(11, "turn", 7),
      scalar(11, "going", 9),
      scalar(12, "goes", 9),
      scalar(12, "all", 7),
    ]);
    const attribute = messageField(5, "Attribute", [
      textField(1, "body"),
      numberField(20, 5),
      body,
    ]);
    const trips = integers("trips", [draw.one(SIZES)], true);
    return add(draw, graph, trips, node("Loop", ["trips", ""], "bomb", attribute));
  },
  "functions of functions": (draw, model) => {
    const graph = graphOf(model);
    if (!graph) return false;
    const depth = draw.one([3, 20, 40, 200]);
    for (let level = 0; level < depth; level++) {
      const op = level === 0 ? "Identity" : `F${level - 1}`;
      const own = level === 0 ? [] : [textField(7, "own")];
      const call = (from: string, to: string) => ({ ...node(op, [from], to, ...own), number: 7 });
      model.push(
        messageField(25, "Function", [
          textField(1, `F${level}`),
          textField(4, "a"),
          textField(5, "c"),
          call("a", "b"),
          call("b", "c"),
          messageField(9, "Opset", [numberField(2, 17)]),
          messageField(9, "Opset", [textField(1, "own"), numberField(2, 1)]),
          textField(10, "own"),
        ]),
      );
    }
    model.push(messageField(8, "Opset", [textField(1, "own"), numberField(2, 1)]));
    const call = node(`F${depth - 1}`, [someValue(draw, graph)], "bomb", textField(7, "own"));
    return add(draw, graph, call);
  },
  "many values": (draw, model) => {
    const graph = graphOf(model);
    if (!graph) return false;
    const from = someValue(draw, graph);
    const count = draw.one([100, 3000]);
    const chain = draw.oneIn(2);
    for (let k = 0; k < count; k++)
      graph.fields.push(node("Identity", [k > 0 && chain ? `many${k - 1}` : from], `many${k}`));
    if (draw.oneIn(2)) graph.fields.push(output(`many${count - 1}`));
    return true;
  },
  "free inputs": (_, model) => {
    const dimensions = messagesOf(model, "Dimension");
    for (const dimension of dimensions) dimension.fields = [];
    return dimensions.length > 0;
  },
} satisfies Record<string, Mutation>;
