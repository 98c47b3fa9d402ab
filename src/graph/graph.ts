import type {
  AttributeMessage,
  FunctionMessage,
  GraphMessage,
  NodeMessage,
  SparseTensorMessage,
  TensorMessage,
} from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";

/** A value of a scope: an input, an initializer, or an output of a node. */
export interface Value {
  readonly name: string;
  readonly scope: Scope;
  /** The node that makes it; null for inputs and initializers. */
  readonly producer: Node | null;
  /** Set where it is an initializer, also one that IR 3 lists among the inputs. */
  readonly initializer: TensorMessage | SparseTensorMessage | null;
  /** Every node input that reads it, those in nested bodies included. */
  uses: Use[];
  isOutput: boolean;
}

/** One input slot of one node. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

/** A node with its values. */
export interface Node {
  readonly message: NodeMessage;
  readonly scope: Scope;
  /** The operator: "Add", and with its domain where that is not ai.onnx: "com.microsoft.Gelu". */
  readonly op: string;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly (Value | null)[];
  /** Bodies of If, Loop and Scan, and of any operator with graph attributes. */
  readonly bodies: readonly Scope[];
  /** Outer values that the bodies read. */
  captures: ReadonlySet<Value>;
  /** The body of the model's own function that it calls; null where the operator is built in. */
  callee: Scope | null;
  /** Place in an order in which every node follows what it reads. */
  index: number;
}

/** A graph, a body inside a node, or a function's body. */
export interface Scope {
  readonly kind: "main" | "body" | "function";
  /** The graph's or function's name. */
  readonly name: string;
  readonly message: GraphMessage | FunctionMessage;
  /** The node whose body it is. */
  readonly owner: Node | null;
  /** In topological order. */
  readonly nodes: Node[];
  readonly inputs: Value[];
  readonly outputs: Value[];
  readonly values: Map<string, Value>;
}

/** A model's graph: who makes each value and who reads it, in every scope. */
export interface Graph {
  readonly file: ModelFile;
  readonly main: Scope;
  readonly functions: readonly Scope[];
  /** Every name of a value or node in any scope; new names must not be among them. */
  readonly names: ReadonlySet<string>;
}

/** The attribute with this name. */
export const attribute = (node: Node, name: string): AttributeMessage | undefined =>
  node.message.attributes.find((attribute) => attribute.name === name);

/** A string attribute's text. */
export function textAttribute({ file }: Graph, node: Node, name: string): string | null {
  const range = attribute(node, name)?.s;
  return range ? new TextDecoder().decode(file.reader.bytes(range)) : null;
}

/** Scopes from this one outward. */
export function* outward(scope: Scope | null): Generator<Scope> {
  for (; scope; scope = scope.owner?.scope ?? null) yield scope;
}
