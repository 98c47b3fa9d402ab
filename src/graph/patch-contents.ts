import type { Type } from "../onnx/dtypes.ts";
import type { Entry } from "../onnx/encode.ts";
import type { AttributeValue, DenseTensor, NewNode, WrittenNode } from "../onnx/new-node.ts";
import type { TensorChanges } from "../onnx/tensor-edits.ts";
import type { Node, Scope, Use, Value } from "./graph.ts";

/** A new node, and the node it is inserted before; null for the end of its scope. */
export interface Insertion {
  readonly before: Node | null;
  /** The scope to append to; the main graph by default. */
  readonly scope?: Scope | undefined;
  readonly node: NewNode;
}

/** A value that becomes an input or output of a scope, the main graph by default. */
export interface Port {
  readonly name: string;
  /** Null if shape inference determines it. */
  readonly type: Type | null;
  readonly scope?: Scope | undefined;
  /** The existing output that it is inserted before; the end by default. */
  readonly index?: number | undefined;
}

/** A new slot of a node, inserted before the one at `index`; slots in between are absent. */
export interface Slot {
  readonly node: Pick<Node, "message">;
  readonly index: number;
  readonly name: string;
  /** Whether it fills the absent slot at `index`. */
  readonly fills?: boolean;
}

/** A new tensor, and the graph or body whose initializer it becomes; the main graph by default. */
export interface NewTensor extends DenseTensor {
  readonly scope?: Scope | undefined;
}

/** What a patch adds: nodes and tensors, and the slots that read them. */
export type NewContents = Required<Pick<Patch, "nodes" | "tensors" | "redirects">>;

/** A node that is rewritten from another, or new among such, and the node it is inserted before. */
export interface WrittenBefore {
  readonly before: Node;
  readonly node: WrittenNode;
}

/** An input slot, and the name of the value that it reads instead. */
export interface Redirect {
  readonly use: Use;
  readonly name: string;
}

/** The changes of a pass. Everything that is not named here stays unchanged. */
export interface Patch extends TensorChanges {
  readonly nodes?: readonly Insertion[];
  readonly tensors?: readonly NewTensor[];
  /** Input slots that read another value of the same type. */
  readonly redirects?: readonly Redirect[];
  /** Nodes that are rewritten from others, or new among these, each before a node. */
  readonly written?: readonly WrittenBefore[];
  /** Nodes and initializers that go. */
  readonly removed?: readonly (Node | Value)[];
  /** Nodes that are replaced by others. */
  readonly replaced?: readonly {
    readonly node: Pick<Node, "message"> & { readonly scope?: Scope };
    readonly by: readonly NewNode[];
  }[];
  readonly inputs?: readonly Port[];
  readonly outputs?: readonly Port[];
  /** Values of the main graph with a new type, stated where they are its inputs or outputs. */
  readonly retyped?: readonly Port[];
  /** Values of new nodes of the main graph, with types to state. */
  readonly stated?: readonly Port[];
  /** Outputs of the main graph that are removed. */
  readonly untold?: readonly string[];
  readonly nodeInputs?: readonly Slot[];
  readonly nodeOutputs?: readonly Slot[];
  /** Outputs of nodes that get another name, which nothing has yet. */
  readonly renamed?: readonly Omit<Slot, "fills">[];
  /** Attributes that nodes get; they replace those with the same names. */
  readonly attributes?: readonly {
    readonly node: Pick<Node, "message">;
    readonly name: string;
    readonly value: AttributeValue;
  }[];
  /** Entries of metadata_props; one replaces that of the same key, or is added. */
  readonly metadata?: readonly Entry[];
  /** Keys of entries of metadata_props that go. */
  readonly forgotten?: readonly string[];
  /** Operator sets that the model does not import yet, by domain. */
  readonly opsets?: Readonly<Record<string, number>>;
}
