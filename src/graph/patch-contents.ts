import type { Entry } from "../onnx/encode.ts";
import type { AttributeValue, DenseTensor, NewNode } from "../onnx/new-node.ts";
import type { Type } from "../onnx/shape.ts";
import type { TensorChanges } from "../onnx/tensor-edits.ts";
import type { Node, Scope, Use, Value } from "./graph.ts";

/** A new node, and the one it is put just before; null for the end of its scope. */
export interface Insertion {
  readonly before: Node | null;
  /** The scope at whose end it is put; the main graph by default. */
  readonly scope?: Scope | undefined;
  readonly node: NewNode;
}

/** A value that becomes an input or output of a scope, the main graph by default. */
export interface Port {
  readonly name: string;
  /** Null if inference is to find it. */
  readonly type: Type | null;
  readonly scope?: Scope | undefined;
  /** The present output that it is put before; the end by default. */
  readonly index?: number | undefined;
}

/** A new input or output slot of a node, put before the one at `index`; slots between are absent. */
export interface Slot {
  readonly node: Pick<Node, "message">;
  readonly index: number;
  readonly name: string;
  /** It takes the place of the absent slot at `index`. */
  readonly fills?: boolean;
}

/** A new tensor, and the graph or body whose initializer it becomes; the main graph by default. */
export interface NewTensor extends DenseTensor {
  readonly scope?: Scope | undefined;
}

/** What a pass wants changed. Nothing that is not named here is touched. */
export interface Patch extends TensorChanges {
  readonly nodes: readonly Insertion[];
  readonly tensors: readonly NewTensor[];
  /** Input slots that are to read another value, of the same type. */
  readonly redirects: readonly { readonly use: Use; readonly name: string }[];
  /** NodeProtos that are written already, and the node that each is put just before. */
  readonly written?: readonly { readonly before: Node; readonly bytes: Uint8Array }[];
  /** Nodes that new ones take the place of, and initializers that become inputs. */
  readonly removed?: readonly (Node | Value)[];
  /** Nodes that others take the place of. */
  readonly replaced?: readonly {
    readonly node: Pick<Node, "message"> & { readonly scope?: Scope };
    readonly by: readonly NewNode[];
  }[];
  readonly inputs?: readonly Port[];
  readonly outputs?: readonly Port[];
  /** Inputs of the main graph whose type is stated anew. */
  readonly retyped?: readonly Port[];
  /** Outputs of the main graph that are no longer told. */
  readonly untold?: readonly string[];
  readonly nodeInputs?: readonly Slot[];
  readonly nodeOutputs?: readonly Slot[];
  /** Attributes that nodes get, in the place of those with their names. */
  readonly attributes?: readonly {
    readonly node: Pick<Node, "message">;
    readonly name: string;
    readonly value: AttributeValue;
  }[];
  /** Entries of metadata_props in the place of those with their keys. */
  readonly metadata?: readonly Entry[];
  /** Operator sets that the model does not import yet, by domain. */
  readonly opsets?: Readonly<Record<string, number>>;
}
