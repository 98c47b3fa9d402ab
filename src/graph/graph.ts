import { dataType, type Type } from "../onnx/dtypes.ts";
import type {
  AttributeMessage,
  FunctionMessage,
  GraphMessage,
  NodeMessage,
  SparseTensorMessage,
  TensorMessage,
  ValueInfoMessage,
} from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";

/** A value of a scope: an input, an initializer, or an output of a node. */
export interface Value {
  readonly name: string;
  readonly scope: Scope;
  /** The node that makes the value; null for inputs and initializers. */
  readonly producer: Node | null;
  /** Set if the value is an initializer, including one that IR 3 lists among the inputs. */
  readonly initializer: TensorMessage | SparseTensorMessage | null;
  /** Every node input that reads the value, including those in nested bodies. */
  uses: Use[];
  isOutput: boolean;
}

/** One input slot of one node. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

/** A node, linked to its values. */
export interface Node {
  readonly message: NodeMessage;
  readonly scope: Scope;
  /** The operator: "Add", or with its domain if that is not ai.onnx: "com.microsoft.Gelu". */
  readonly op: string;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly (Value | null)[];
  /** Bodies of If, Loop and Scan, and of any other operator with graph attributes. */
  readonly bodies: readonly Scope[];
  /** Outer values that the bodies read. */
  captures: ReadonlySet<Value>;
  /** The body of the model's own function that the node calls; null if the operator is built in. */
  callee: Scope | null;
  /** Position in a topological order. */
  index: number;
}

/** A graph, a body inside a node, or a function's body. */
export interface Scope {
  readonly file: ModelFile;
  readonly kind: "main" | "body" | "function";
  readonly name: string;
  readonly message: GraphMessage | FunctionMessage;
  /** The node that contains this body. */
  readonly owner: Node | null;
  /** In topological order. */
  readonly nodes: Node[];
  /** The bodies of these nodes, in their order. */
  readonly bodies: Scope[];
  readonly inputs: Value[];
  readonly outputs: Value[];
  readonly values: Map<string, Value>;
}

/** A model's graph: who makes and who reads each value, in every scope. */
export interface Graph {
  readonly file: ModelFile;
  readonly main: Scope;
  readonly functions: readonly Scope[];
  /** Names of all values and nodes in all scopes; new names must differ from them. */
  readonly names: ReadonlySet<string>;
}

/** Returns the attribute with this name. */
export const attribute = (node: Node, name: string): AttributeMessage | undefined =>
  node.message.attributes.find((attribute) => attribute.name === name);

/** Returns a string attribute's text. */
export function textAttribute(node: Node, name: string): string | null {
  const range = attribute(node, name)?.s;
  return range ? new TextDecoder().decode(node.scope.file.reader.bytes(range)) : null;
}

/** Returns the values in a node's inputs. */
export const inputsOf = ({ inputs }: Node): readonly Value[] => present(inputs);

/** Returns the values that a node makes. */
export const outputsOf = ({ outputs }: Node): readonly Value[] => present(outputs);

/** Returns the list itself if it has no gap, as of most nodes. */
const present = (values: readonly (Value | null)[]) =>
  values.includes(null) ? values.filter((value) => value !== null) : (values as readonly Value[]);

/** Returns the values that a node reads, including those that its bodies read. */
export const readsOf = (node: Node): readonly Value[] =>
  node.captures.size === 0 ? inputsOf(node) : [...inputsOf(node), ...node.captures];

/** Yields the scopes from this one outward. */
export function* outward(scope: Scope | null): Generator<Scope> {
  for (; scope; scope = scope.owner?.scope ?? null) yield scope;
}

/** Returns the name of a node for messages: its own name, otherwise its first output. */
export const called = ({ message }: Node): string =>
  message.name || message.outputs.find(Boolean) || "without a name";

/** Returns the start of a message about a node: its operator and its name. */
export const titleOf = (node: Node): string => `${node.op} at ${called(node)}`;

/** The known type of each value. */
export type Types = ReadonlyMap<Value, Type>;

/** A graph and the types of its values. */
export interface TypedGraph {
  readonly graph: Graph;
  readonly types: Types;
}

/** Returns the type of a value; null if it is unknown. */
export type KnownType = (value: Value) => Type | null;

/** Returns the shape of a value; null unless all its sizes are known. */
export function knownSizes(types: Types, value: Value | null | undefined) {
  const shape = value && types.get(value)?.shape;
  return shape?.every((size) => typeof size === "number") ? (shape as readonly number[]) : null;
}

/**
 * Returns the type that a value info states; null if it has none or is not a tensor. A negative
 * size is a free dimension, as in onnxruntime.
 */
export function typeOfInfo({ type }: ValueInfoMessage): Type | null {
  const dtype = dataType(type?.tensor?.elemType ?? 0)?.name;
  if (!dtype) return null;
  const dims = type?.tensor?.shape?.dims ?? null;
  const free = (value: number | null) => value === null || value < 0;
  return { dtype, shape: dims?.map(({ value, param }) => (free(value) ? param : value!)) ?? null };
}
