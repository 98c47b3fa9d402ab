import type { Mutation } from "./mutate-wire.ts";
import { NUMBERS, pick } from "./mutate-wire.ts";
import type { SeededDraw } from "./seeded.ts";
import {
  copy,
  fieldAt,
  isText,
  type Message,
  messageField,
  messagesOf,
  numberField,
  type Place,
  places,
  textField,
  textOf,
} from "./wire-places.ts";
import type { Field } from "./wire-tree.ts";

/** Operators that bring something of their own: bodies, sequences, many outputs, memory. */
const OPERATORS = (
  "Add Sum Mul Sub Div MatMul Gemm Conv Relu Identity Constant ConstantOfShape Expand Tile Reshape Shape Loop If Scan " +
  "SequenceConstruct SequenceAt SplitToSequence Optional OptionalGetElement Split Concat Gather Cast CastLike Where " +
  "RandomNormal Dropout Softmax LayerNormalization Resize Pad Range NonZero Einsum LSTM QuantizeLinear SkipLayerNormalization None"
).split(" ");

const ODD_TEXTS = [
  "",
  " ",
  "a\nb",
  "\u0000",
  "../up",
  "é漢",
  "n".repeat(3000),
  "__proto__",
  "constructor",
  "%s",
  "x:shape",
];

/** Names of values in nodes and in lists of values. */
const isName = ({ list, at, type }: Place) =>
  (type === "Node" && [1, 2].includes(list[at].number)) ||
  (type === "ValueInfo" && list[at].number === 1) ||
  (type === "Tensor" && list[at].number === 8);

const all = (model: Field[], fits: (place: Place) => boolean) =>
  [...places(model, "Model")].filter((place) => fieldAt(place).kind !== "raw" && fits(place));

const numbered = (message: Message | undefined, number: number) =>
  message?.fields.filter((field) => field.number === number) ?? [];

const one = <T>(draw: SeededDraw, from: readonly T[]): T | null =>
  from.length === 0 ? null : draw.one(from);

const mainGraph = (model: Field[]) =>
  model.find((field): field is Message => field.kind === "message" && field.number === 7);

const set = (message: Message, field: Field) => {
  message.fields = [...message.fields.filter(({ number }) => number !== field.number), field];
};

const sizes = (draw: SeededDraw) =>
  draw.oneIn(2)
    ? BigInt(draw.upTo(70))
    : draw.oneIn(3)
      ? BigInt(1 << draw.upTo(30))
      : draw.one(NUMBERS);

/** What can be done to a model by one who knows ONNX. */
export const modelMutations = {
  "swap names": (draw, model) => {
    const names = all(model, isName);
    const [a, b] = [one(draw, names), one(draw, names)];
    if (!a || !b || textOf(fieldAt(a)) === textOf(fieldAt(b))) return false;
    const [x, y] = copy([fieldAt(a), fieldAt(b)]);
    a.list[a.at] = { ...y, number: x.number };
    b.list[b.at] = { ...x, number: y.number };
    return true;
  },
  rename: (draw, model) => {
    const names = all(model, isName);
    const [a, b] = [one(draw, names), one(draw, names)];
    if (!a || !b) return false;
    a.list[a.at] = { ...copy([fieldAt(b)])[0], number: fieldAt(a).number };
    return true;
  },
  "odd text": (draw, model) => {
    const place = pick(draw, all(model, isText));
    if (!place) return false;
    place.list[place.at] = textField(fieldAt(place).number, draw.one(ODD_TEXTS));
    return true;
  },
  "odd name everywhere": (draw, model) => {
    const place = one(draw, all(model, isName));
    if (!place) return false;
    const old = textOf(fieldAt(place));
    const name = draw.one(ODD_TEXTS);
    for (const it of all(model, (each) => isName(each) && textOf(fieldAt(each)) === old))
      it.list[it.at] = textField(fieldAt(it).number, name);
    return true;
  },
  "weight dims": (draw, model) => {
    const tensor = one(draw, messagesOf(model, "Tensor"));
    if (!tensor) return false;
    const dims = numbered(tensor, 1);
    const field = one(draw, dims);
    if (field?.kind === "varint") field.item = { value: sizes(draw), pad: 0 };
    else if (field?.kind === "packed") {
      const at = draw.upTo(field.items.length);
      if (draw.oneIn(3)) field.items.splice(at, 1, ...[...field.items].reverse());
      else field.items[at] = { value: sizes(draw), pad: 0 };
    } else tensor.fields.unshift(numberField(1, sizes(draw)));
    return true;
  },
  "value dims": (draw, model) => {
    const graph = mainGraph(model);
    const inputs = messagesOf(draw.oneIn(2) && graph ? inputsOf(graph) : model, "Dimension");
    const dimension = one(draw, inputs);
    if (!dimension) return false;
    dimension.fields = draw.oneIn(3)
      ? [textField(2, draw.one(["N", "batch", "", "M+1", "past"]))]
      : draw.oneIn(8)
        ? []
        : [numberField(1, sizes(draw))];
    return true;
  },
  "element type": (draw, model) => {
    const types = [
      ...messagesOf(model, "Tensor").map((message) => ({ message, number: 2 })),
      ...messagesOf(model, "TensorType").map((message) => ({ message, number: 1 })),
    ];
    const type = one(draw, types);
    if (type) set(type.message, numberField(type.number, draw.upTo(28)));
    return type !== null;
  },
  "attribute type": (draw, model) => {
    const attribute = one(draw, messagesOf(model, "Attribute"));
    if (attribute) set(attribute, numberField(20, draw.upTo(16)));
    return attribute !== null;
  },
  "attribute value": (draw, model) => {
    const attribute = one(draw, messagesOf(model, "Attribute"));
    if (!attribute) return false;
    const ints = numbered(attribute, 8);
    if (ints.length > 0 && draw.oneIn(2))
      attribute.fields = attribute.fields.concat(copy(ints)).slice(draw.upTo(2));
    else
      set(
        attribute,
        draw.one([
          numberField(3, draw.one(NUMBERS)),
          numberField(8, draw.one(NUMBERS)),
          textField(4, draw.one(ODD_TEXTS)),
          textField(21, "alpha"),
        ]),
      );
    return true;
  },
  versions: (draw, model) => {
    if (draw.oneIn(2)) {
      const opset = one(draw, messagesOf(model, "Opset"));
      if (opset) set(opset, numberField(2, draw.oneIn(2) ? draw.upTo(30) : draw.one(NUMBERS)));
      return opset !== null;
    }
    const at = model.findIndex(({ number }) => number === 1);
    model[Math.max(at, 0)] = numberField(1, draw.oneIn(2) ? draw.upTo(15) : draw.one(NUMBERS));
    return true;
  },
  operator: (draw, model) => {
    const node = one(draw, messagesOf(model, "Node"));
    if (!node) return false;
    set(node, textField(4, draw.one(OPERATORS)));
    if (draw.oneIn(6)) set(node, textField(7, draw.one(["com.microsoft", "own", "ai.onnx.ml"])));
    return true;
  },
  "drop node": (draw, model) => {
    const node = one(
      draw,
      all(model, ({ list, at }) => isNode(list[at])),
    );
    node?.list.splice(node.at, 1);
    return node !== null;
  },
  "order of nodes": (draw, model) => {
    const graph = one(draw, [mainGraph(model), ...messagesOf(model, "Graph")]);
    if (!graph) return false;
    const nodes = graph.fields.filter(isNode);
    if (draw.oneIn(2)) nodes.reverse();
    else nodes.push(...nodes.splice(0, draw.upTo(nodes.length)));
    graph.fields = [...graph.fields.filter((field) => !isNode(field)), ...nodes];
    return nodes.length > 1;
  },
  expose: (draw, model) => {
    const graph = mainGraph(model);
    const name = one(draw, all(model, isName));
    if (!graph || !name) return false;
    const text = textOf(fieldAt(name));
    const info = messageField(draw.oneIn(3) ? 11 : 12, "ValueInfo", [textField(1, text)]);
    const type = one(draw, messagesOf(model, "Type"));
    if (draw.oneIn(2) && type) info.fields.push(...copy([type]));
    graph.fields.push(info);
    return true;
  },
  wide: (draw, model) => {
    const node = one(draw, messagesOf(model, "Node"));
    const input = one(draw, numbered(node ?? undefined, 1));
    if (!node || !input) return false;
    node.fields.push(...Array.from({ length: draw.one([1, 300, 5000]) }, () => copy([input])[0]));
    return true;
  },
  nest: (draw, model) => {
    const graph = mainGraph(model);
    const name = one(draw, all(model, isName));
    if (!graph || !name) return false;
    const text = textOf(fieldAt(name));
    let inner = messageField(6, "Graph", []);
    for (let depth = draw.one([1, 2, 20, 32, 60]); depth > 0; depth--) {
      const branches = ["then_branch", "else_branch"].map((branch) =>
        messageField(5, "Attribute", [
          textField(1, branch),
          numberField(20, 5),
          ...copy([branch === "then_branch" ? inner : messageField(6, "Graph", [])]),
        ]),
      );
      const node = messageField(1, "Node", [
        textField(1, text),
        textField(2, `nested${depth}`),
        textField(4, draw.oneIn(4) ? "Loop" : "If"),
        ...branches,
      ]);
      const output = messageField(12, "ValueInfo", [textField(1, `nested${depth}`)]);
      inner = messageField(6, "Graph", [node, textField(2, "body"), output]);
    }
    graph.fields.push(...inner.fields.filter(isNode));
    return true;
  },
  function: (draw, model) => {
    const node = one(draw, messagesOf(model, "Node"));
    if (!node) return false;
    const type = textOf(numbered(node, 4)[0]);
    const own = (number: number) => numbered(node, number).map((field) => textOf(field));
    const inner = copy([node])[0] as Message;
    if (draw.oneIn(2)) set(inner, textField(7, "own"));
    set(node, textField(7, "own"));
    model.push(
      messageField(25, "Function", [
        textField(1, type),
        textField(10, "own"),
        ...[...new Set(own(1))].filter(Boolean).map((name) => textField(4, name)),
        ...own(2)
          .filter(Boolean)
          .map((name) => textField(5, name)),
        { ...inner, number: 7 },
        messageField(9, "Opset", [numberField(2, 17)]),
      ]),
    );
    if (!draw.oneIn(3))
      model.push(messageField(8, "Opset", [textField(1, "own"), numberField(2, 1)]));
    return true;
  },
  "weight values": (draw, model) => {
    const tensor = one(draw, messagesOf(model, "Tensor"));
    const raw = one(draw, numbered(tensor ?? undefined, 9));
    if (raw?.kind !== "bytes" || raw.bytes.length < 8) return false;
    const bytes = raw.bytes.slice();
    const view = new DataView(bytes.buffer);
    const value = draw.one([Number.NaN, Infinity, -Infinity, 1e38, -1e38, 1e-42, 0, -0]);
    const every = draw.oneIn(3);
    for (let at = 0; at + 4 <= bytes.length; at += 4)
      if (every || draw.oneIn(8)) view.setFloat32(at, value, true);
    raw.bytes = bytes;
    return true;
  },
  external: (draw, model) => {
    const tensor = one(draw, messagesOf(model, "Tensor"));
    if (!tensor) return false;
    const entry = (key: string, value: string) =>
      messageField(13, "Entry", [textField(1, key), textField(2, value)]);
    const location = draw.one([
      "weights.bin",
      "weights.bin",
      "weights.bin",
      "../weights.bin",
      "/etc/hostname",
      "",
      "model.onnx",
      ".",
      "no/where",
      "w\u0000.bin",
    ]);
    const entries = [entry("location", location)];
    if (draw.oneIn(2))
      entries.push(
        entry("offset", draw.one(["0", "4", "64", "-1", "1e3", "9".repeat(15), "9".repeat(30)])),
      );
    if (draw.oneIn(2))
      entries.push(entry("length", draw.one(["0", "8", "64", "4096", "-4", "", "9".repeat(15)])));
    tensor.fields = tensor.fields.filter(({ number }) => number !== 9 || draw.oneIn(9));
    tensor.fields.push(...entries, numberField(14, draw.oneIn(8) ? draw.upTo(3) : 1));
    return true;
  },
} satisfies Record<string, Mutation>;

const isNode = (field: Field) => field.kind === "message" && field.type === "Node";

const inputsOf = (graph: Message) => graph.fields.filter(({ number }) => number === 11);
