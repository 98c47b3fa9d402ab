import onnxProto from "onnx-proto";
import { uniform } from "../../src/graph/random.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { concat } from "../../src/onnx/bytes.ts";
import { bytesField } from "../../src/onnx/wire-writer.ts";

const { onnx } = onnxProto;

const TYPES: Record<string, number> = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  bfloat16: 16,
  double: 11,
};

type Value = number | string | Value[] | { graph: object } | { refAttrName: string };

/**
 * Makes a model of ONNX's textual syntax (onnx.parser, a subset).
 * An attribute that refers to a function's is an integer. An initializer without values is filled with seeded numbers in ±1/√n, n its first axis.
 * @see https://onnx.ai/onnx/repo-docs/Syntax.html
 */
export function modelOfText(text: string): Uint8Array {
  const tokens =
    text
      .replace(/#.*$/gm, "")
      .match(/"[^"]*"|=>|-?\d+\.\d*(?:e-?\d+)?|-?\d+(?![\w.])|@?[\w./:*-]+|[<>[\](){}=,?]/g) ?? [];
  let at = 0;
  const peek = () => tokens[at];
  const take = (expected?: string): string => {
    const token = tokens[at++];
    if (expected !== undefined && token !== expected)
      throw new Error(
        `expected ${expected} and found ${token} (token ${at}) in ${text.slice(0, 200)}`,
      );
    return token;
  };
  const list = <T>(open: string, close: string, item: () => T): T[] => {
    const items: T[] = [];
    take(open);
    while (peek() !== close) {
      items.push(item());
      if (peek() === ",") take();
    }
    take(close);
    return items;
  };
  /** The name of a value; empty where an input or output is left out. */
  const optional = () => {
    const token = take();
    return token === '""' ? "" : token;
  };
  const dimension = () => {
    const token = take();
    return token === "?"
      ? {}
      : /^\d+$/.test(token)
        ? { dimValue: Number(token) }
        : { dimParam: token };
  };
  const typed = () => {
    const elemType = TYPES[take()];
    const dim = peek() === "[" ? list("[", "]", dimension) : [];
    return { elemType, dim, name: take() };
  };
  const info = () => {
    const open = tokens[at + 1] === "[" && tokens[at + 2] === "]";
    const { elemType, dim, name } = typed();
    const tensorType = open ? { elemType } : { elemType, shape: { dim } };
    return { name, type: { tensorType } };
  };
  const initializer = () => {
    const { elemType, dim, name } = typed();
    const dims = dim.map((d) => ("dimValue" in d ? d.dimValue : 0));
    const dtype = Object.keys(TYPES).find((key) => TYPES[key] === elemType)!;
    const size = dims.reduce((a, b) => a * b, 1);
    const next = uniform(1, name);
    const scale = 1 / Math.sqrt(dims[0] || 1);
    let values: ArrayLike<number> = Float64Array.from(
      { length: size },
      () => (2 * next() - 1) * scale,
    );
    if (peek() === "=") {
      take();
      values = list("{", "}", () => Number(take()));
    }
    return { name, dims, dataType: elemType, rawData: encodeNumbers(dtype, values) };
  };
  const value = (): Value => {
    const token = peek();
    if (token === "[") return list("[", "]", value);
    if (token.startsWith('"')) return take().slice(1, -1);
    if (token.startsWith("@")) return { refAttrName: take().slice(1) };
    if (/^-?\d/.test(token)) return Number(take());
    return { graph: graph() };
  };
  const attribute = () => {
    const name = take();
    const isFloat = tokens[at + 1]?.includes(".") || tokens[at + 2]?.includes(".");
    take("=");
    const v = value();
    if (Array.isArray(v))
      return isFloat ? { name, type: 6, floats: v } : { name, type: 7, ints: v };
    if (typeof v === "object" && "refAttrName" in v) return { name, type: 2, ...v };
    if (typeof v === "object") return { name, type: 5, g: v.graph };
    if (typeof v === "string") return { name, type: 3, s: new TextEncoder().encode(v) };
    return isFloat ? { name, type: 1, f: v } : { name, type: 2, i: v };
  };
  const node = () => {
    const name = peek() === "[" ? list("[", "]", take)[0] : "";
    const output = [optional()];
    while (peek() === ",") {
      take();
      output.push(optional());
    }
    take("=");
    const [, domain, opType, overload] = /^(?:(.*)\.)?([^.:]+)(?::(\w+))?$/.exec(take())!;
    const attributes = peek() === "<" ? list("<", ">", attribute) : [];
    const input = list("(", ")", optional);
    return { name, opType, domain: domain ?? "", input, output, attribute: attributes, overload };
  };
  const graph = (): object => {
    const name = take();
    const input = list("(", ")", info);
    take("=>");
    const output = list("(", ")", info);
    const initializers = peek() === "<" ? list("<", ">", initializer) : [];
    take("{");
    const nodes = [];
    while (peek() !== "}") nodes.push(node());
    take("}");
    return { name, input, output, initializer: initializers, node: nodes };
  };
  const headerOf = () => {
    const header: Record<string, Value> = {};
    const opsetImport: { domain: string; version: number }[] = [];
    const entry = () => {
      const key = take().replace(/:$/, "");
      if (key !== "opset_import") header[key] = value();
      else
        list("[", "]", () => {
          const domain = take().slice(1, -1);
          if (peek() === ":") take();
          opsetImport.push({ domain, version: Number(take()) });
        });
    };
    list("<", ">", entry);
    return { header, opsetImport };
  };
  const functionOf = () => {
    const { header, opsetImport } = headerOf();
    const name = take();
    const defaults: object[] = [];
    const parameter = () => {
      const parameter = take();
      if (!parameter.endsWith(":")) return [parameter];
      take("int");
      take("=");
      defaults.push({ name: parameter.slice(0, -1), type: 2, i: Number(take()) });
      return [];
    };
    const attribute = peek() === "<" ? list("<", ">", parameter).flat() : [];
    const input = list("(", ")", take);
    take("=>");
    const output = list("(", ")", take);
    take("{");
    const nodes = [];
    while (peek() !== "}") nodes.push(node());
    take("}");
    const { domain, overload } = header as Record<string, string>;
    const rest = onnx.FunctionProto.fromObject({
      name,
      domain,
      attribute,
      input,
      output,
      opsetImport,
    });
    return bytesField(
      25,
      onnx.FunctionProto.encode(rest).finish(),
      ...nodes.map((each) => nodeField(7, each)),
      ...defaults.map((each) =>
        bytesField(11, onnx.AttributeProto.encode(onnx.AttributeProto.fromObject(each)).finish()),
      ),
      ...(overload ? [bytesField(13, utf8.encode(overload))] : []),
    );
  };
  const { header, opsetImport } = headerOf();
  const main = graph() as { node: NodeText[] };
  const model = { irVersion: header.ir_version as number, producerName: "fixture", opsetImport };
  if (peek() === undefined) {
    const whole = onnx.ModelProto.fromObject({ ...model, graph: main });
    return onnx.ModelProto.encode(whole).finish();
  }
  const functions: Uint8Array[] = [];
  while (peek() !== undefined) functions.push(functionOf());
  const around = onnx.GraphProto.fromObject({ ...main, node: [] });
  return concat([
    onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish(),
    bytesField(
      7,
      ...main.node.map((each) => nodeField(1, each)),
      onnx.GraphProto.encode(around).finish(),
    ),
    ...functions,
  ]);
}

type NodeText = { readonly overload: string | undefined };

const utf8 = new TextEncoder();

/** A node as a field, with its overload, which onnx-proto does not know. */
function nodeField(number: number, node: NodeText): Uint8Array {
  const { overload } = node;
  const bytes = onnx.NodeProto.encode(onnx.NodeProto.fromObject(node)).finish();
  return bytesField(number, bytes, ...(overload ? [bytesField(8, utf8.encode(overload))] : []));
}
