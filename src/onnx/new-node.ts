import type { Type } from "./dtypes.ts";

/** A dense tensor to write: `data` is little-endian raw data of `dtype`. */
export interface DenseTensor {
  readonly name: string;
  /** In ONNX's spelling. */
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** What is known of a tensor without its values. */
export type TensorHeader = Omit<DenseTensor, "data">;

/** A float attribute; a plain number is written as an integer. */
export interface FloatAttribute {
  readonly float: number | readonly number[];
}

/** A tensor attribute. */
interface DenseAttribute {
  readonly tensor: DenseTensor;
}

/** A body: a graph attribute. */
interface GraphAttribute {
  readonly graph: {
    readonly name: string;
    readonly nodes: readonly NewNode[];
    readonly inputs?: readonly { readonly name: string; readonly type: Type | null }[];
    readonly outputs: readonly { readonly name: string; readonly type: Type | null }[];
  };
}

/** An encoded attribute: all fields of an AttributeProto except its name. */
export interface EncodedAttribute {
  readonly encoded: Uint8Array;
}

/** An attribute's value: an integer, a float as `float(x)`, a string, a tensor, a body, or encoded. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | FloatAttribute
  | DenseAttribute
  | GraphAttribute
  | EncodedAttribute;

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Returns a float attribute's value. */
export const float = (value: number | readonly number[]): FloatAttribute => ({ float: value });

/** A node to insert; an optional input or output that is absent is "". */
export interface NewNode {
  readonly name: string;
  readonly op: string;
  /** The operator set; ai.onnx by default. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** A new node, or the NodeProto of one that is rewritten. */
export type WrittenNode = NewNode | Uint8Array;

/** Returns a node of ai.onnx, without a name unless one is given. */
export const plainNode = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  { attributes = {}, name = "" }: Partial<Pick<NewNode, "attributes" | "name">> = {},
): NewNode => ({ name, op, inputs, outputs, attributes });

/** Returns a Constant node that outputs the tensor. */
export const constantNode = (tensor: DenseTensor): NewNode =>
  plainNode("Constant", [], [tensor.name], {
    name: tensor.name,
    attributes: { value: { tensor } },
  });
