import type { Type } from "./shape.ts";

/** A dense tensor to be written: `data` is little-endian raw data of `dtype`. */
export interface DenseTensor {
  readonly name: string;
  /** As ONNX spells it. */
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** A float attribute: a plain number is written as an integer. */
export interface FloatAttribute {
  readonly float: number | readonly number[];
}

/** A tensor attribute. */
export interface DenseAttribute {
  readonly tensor: DenseTensor;
}

/** A body: a graph attribute. */
export interface GraphAttribute {
  readonly graph: {
    readonly name: string;
    readonly nodes: readonly NewNode[];
    readonly outputs: readonly { readonly name: string; readonly type: Type | null }[];
  };
}

/** An attribute's value: integers as they are, floats as `float(x)`, strings, tensors, bodies. */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | FloatAttribute
  | DenseAttribute
  | GraphAttribute;

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A float attribute's value. */
export const float = (value: number | readonly number[]): FloatAttribute => ({ float: value });

/** A node to be inserted; an absent optional input or output is "". */
export interface NewNode {
  readonly name: string;
  readonly op: string;
  /** The operator set; ai.onnx where it is not given. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}
