import onnxProto from "onnx-proto";
import type { Draw } from "./wire-roughen.ts";

const { onnx } = onnxProto;

const TYPES = { f: 1, i: 2, s: 3, t: 4, g: 5, floats: 6, ints: 7 } as const;

interface NodeObject {
  name: string;
  opType: string;
  domain: string;
  input: string[];
  output: string[];
  attribute: object[];
}

/** A model of any make-up that holds together: every value is made once and before it is read. */
export function arbitraryModel(draw: Draw): Uint8Array {
  let count = 0;
  const fresh = (stem: string) => `${stem}${count++}${draw.oneIn(5) ? "é/漢" : ""}`;
  const some = <T>(most: number, make: () => T) => Array.from({ length: draw.upTo(most) }, make);
  const integer = (): number => (draw.upTo(1 << 20) - (1 << 19)) * (draw.oneIn(3) ? 2 ** 30 : 1);

  const tensor = (name: string) => {
    const dims = some(3, () => draw.upTo(3));
    const size = dims.reduce((a, b) => a * b, 1);
    const at = { name, dims, docString: draw.oneIn(3) ? "weights" : undefined };
    if (draw.oneIn(2))
      return { ...at, dataType: 1, rawData: new Uint8Array(4 * size).fill(draw.upTo(63)) };
    if (draw.oneIn(2))
      return { ...at, dataType: 7, int64Data: Array.from({ length: size }, integer) };
    const range = [
      { key: "location", value: "w.data" },
      { key: "length", value: String(8 * size) },
    ];
    return { ...at, dataType: 11, dataLocation: 1, externalData: range };
  };
  const attribute = (outer: readonly string[], depth: number): object => {
    const kinds = Object.keys(TYPES) as (keyof typeof TYPES)[];
    const kind = kinds[draw.upTo(kinds.length - 1)];
    const value = {
      f: () => draw.upTo(99) / 8,
      i: integer,
      s: () => draw.bytes(9),
      t: () => tensor(""),
      g: () => graph(outer, depth - 1),
      floats: () => some(5, () => draw.upTo(99) / 8),
      ints: () => some(5, integer),
    };
    if (kind === "g" && depth === 0) return { name: "i", type: 2, i: 1 };
    return { name: kind, type: TYPES[kind], [kind]: value[kind]() };
  };
  const node = (known: string[], depth: number): NodeObject => {
    const input = some(3, () => (draw.oneIn(6) ? "" : known[draw.upTo(known.length - 1)]));
    const attributes = some(2, () => attribute([...known], depth));
    const output = some(2, () => fresh("v"));
    known.push(...output);
    const name = draw.oneIn(4) ? "" : fresh("n");
    return {
      name,
      opType: ["Add", "If", "Own"][draw.upTo(2)],
      domain: draw.oneIn(4) ? "own" : "",
      input,
      output,
      attribute: attributes,
    };
  };
  const info = (name: string) => {
    const dim = some(3, () =>
      draw.oneIn(3) ? { dimParam: "N" } : draw.oneIn(3) ? {} : { dimValue: draw.upTo(9) },
    );
    const type = { tensorType: { elemType: 1, ...(draw.oneIn(3) ? {} : { shape: { dim } }) } };
    return draw.oneIn(4) ? { name } : { name, type };
  };
  const graph = (outer: readonly string[], depth: number): object => {
    const input = [fresh("x"), ...some(1, () => fresh("x"))];
    const initializer = some(2, () => tensor(fresh("w")));
    const known = [...outer, ...input, ...initializer.map(({ name }) => name)];
    const nodes = some(4, () => node(known, depth));
    const made = nodes.flatMap(({ output }) => output);
    return {
      name: fresh("graph"),
      docString: draw.oneIn(3) ? "a graph" : undefined,
      input: input.map(info),
      output: made.slice(-1).map(info),
      valueInfo: made.slice(0, draw.upTo(2)).map(info),
      initializer,
      node: nodes,
    };
  };
  return onnx.ModelProto.encode(
    onnx.ModelProto.fromObject({
      irVersion: 3 + draw.upTo(9),
      producerName: "wire",
      opsetImport: [
        { version: 7 + draw.upTo(16) },
        ...some(1, () => ({ domain: "own", version: 1 })),
      ],
      metadataProps: some(2, () => ({ key: fresh("key"), value: "value" })),
      graph: graph([], 2),
    }),
  ).finish();
}
