import onnxProto from "onnx-proto";
import { uniform } from "../../src/graph/random.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";

const { onnx } = onnxProto;

const TYPES: Record<string, number> = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
};

type Value = number | string | Value[] | { graph: object };

/**
 * Makes a model of ONNX's textual syntax (onnx.parser, a subset: no functions, no overloads).
 * An initializer without values is filled with seeded numbers in ±1/√n, n its first axis.
 * @see https://onnx.ai/onnx/repo-docs/Syntax.html
 */
export function modelOfText(text: string): Uint8Array {
  const tokens =
    text
      .replace(/#.*$/gm, "")
      .match(/"[^"]*"|=>|-?\d+\.\d*(?:e-?\d+)?|-?\d+(?![\w.])|[\w./:*-]+|[<>[\](){}=,?]/g) ?? [];
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
    if (typeof v === "object") return { name, type: 5, g: v.graph };
    if (typeof v === "string") return { name, type: 3, s: new TextEncoder().encode(v) };
    return isFloat ? { name, type: 1, f: v } : { name, type: 2, i: v };
  };
  const node = () => {
    const name = peek() === "[" ? list("[", "]", take)[0] : "";
    const output = [take()];
    while (peek() === ",") {
      take();
      output.push(take());
    }
    take("=");
    const [, domain, opType] = /^(?:(.*)\.)?([^.]+)$/.exec(take())!;
    const attributes = peek() === "<" ? list("<", ">", attribute) : [];
    const input = list("(", ")", take).map((token) => (token === '""' ? "" : token));
    return { name, opType, domain: domain ?? "", input, output, attribute: attributes };
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
  const header: Record<string, Value> = {};
  const opsetImport: { domain: string; version: number }[] = [];
  for (const [key, v] of list("<", ">", () => {
    const key = take().replace(/:$/, "");
    if (key !== "opset_import") return [key, value()] as const;
    return [
      key,
      list("[", "]", () => {
        const domain = take().slice(1, -1);
        if (peek() === ":") take();
        return { domain, version: Number(take()) } as unknown as Value;
      }),
    ] as const;
  }))
    if (key === "opset_import") opsetImport.push(...(v as unknown as typeof opsetImport));
    else header[key] = v;
  const model = {
    irVersion: header.ir_version as number,
    producerName: "fixture",
    opsetImport,
    graph: graph(),
  };
  return onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish();
}
