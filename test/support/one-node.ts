import onnxProto from "onnx-proto";
import { uniform } from "../../src/graph/random.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { dataTypeNamed } from "../../src/onnx/dtypes.ts";

const { onnx } = onnxProto;

/** An operand: its type and sizes, and its numbers where they are not drawn at random. */
export interface Operand {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly values: ArrayLike<number>;
}

/** An attribute: integers as they are, floats and lists of strings in an object. */
type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly f: number | readonly number[] }
  | { readonly s: readonly string[] };

/** A call of one operator. */
export interface OneNode {
  /** With its domain where that is not ai.onnx: "com.microsoft.Gelu". */
  readonly op: string;
  readonly inputs: readonly (Operand | null)[];
  /** Which outputs are there. */
  readonly outputs?: readonly boolean[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly opset?: number;
}

/** Normally distributed floats, seeded by their shape and a label. */
export function floats(dims: readonly number[], label = "", dtype = "float"): Operand {
  const next = uniform(1, `${dims} ${label}`);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return { dtype, dims, values: Float64Array.from({ length: product(dims) }, normal) };
}

/** Whole numbers as they are given. */
export const whole = (
  dtype: string,
  dims: readonly number[],
  values: ArrayLike<number>,
): Operand => ({ dtype, dims, values });

/** The model of one node, whose operands i0, i1, … are its inputs and o0, o1, … its outputs. */
export function modelOfNode({
  op,
  inputs,
  outputs = [true],
  attributes = {},
  opset = 17,
}: OneNode): Uint8Array {
  const [, domain, opType] = /^(?:(.*)\.)?([^.]+)$/.exec(op)!;
  const made = outputs.map((there, k) => (there ? `o${k}` : ""));
  const graph = {
    name: "one",
    node: [
      {
        name: "node",
        opType,
        domain: domain ?? "",
        input: inputs.map((operand, k) => (operand ? `i${k}` : "")),
        output: made,
        attribute: Object.entries(attributes).map(([name, value]) => encoded(name, value)),
      },
    ],
    input: inputs.flatMap((operand, k) => (operand ? [info(`i${k}`, operand)] : [])),
    output: made.filter((name) => name !== "").map((name) => ({ name })),
  };
  const opsetImport = [
    { domain: "", version: opset },
    { domain: "com.microsoft", version: 1 },
  ];
  return onnx.ModelProto.encode({ irVersion: 8, opsetImport, graph } as object).finish();
}

/** The operands' raw data by name. */
export const dataOfNode = ({ inputs }: OneNode) =>
  inputs.flatMap((operand, k) =>
    operand
      ? [
          {
            name: `i${k}`,
            ...operand,
            data: encodeNumbers(operand.dtype === "bool" ? "uint8" : operand.dtype, operand.values),
          },
        ]
      : [],
  );

const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

const info = (name: string, { dtype, dims }: Operand) => ({
  name,
  type: {
    tensorType: {
      elemType: dataTypeNamed(dtype)!.number,
      shape: { dim: dims.map((dimValue) => ({ dimValue })) },
    },
  },
});

function encoded(name: string, value: Attribute): object {
  const text = (of: string) => new TextEncoder().encode(of);
  if (typeof value === "string") return { name, type: 3, s: text(value) };
  if (typeof value === "number") return { name, type: 2, i: value };
  if ("s" in value) return { name, type: 8, strings: value.s.map(text) };
  if (!("f" in value)) return { name, type: 7, ints: [...value] };
  const { f } = value;
  return typeof f === "number" ? { name, type: 1, f } : { name, type: 6, floats: [...f] };
}
