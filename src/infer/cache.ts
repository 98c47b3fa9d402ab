import { entry } from "../entry.ts";
import { dataOf, tensorOf, typeOfTensor } from "../graph/constants.ts";
import type { KnownType, Node, Value } from "../graph/graph.ts";
import { textOfCodes } from "../onnx/bytes.ts";
import { elements, type Type } from "../onnx/dtypes.ts";
import { INLINE } from "./skeleton.ts";

/** Size in bytes of attributes and constants above which a node is not cached. */
const LONGEST = 2048;

/** Represents an absent output. */
const ABSENT: Type = { dtype: "", shape: [] };

/**
 * Caches the types of nodes for equal ones: ONNX infers the outputs of a node from its operator,
 * its attributes, and its operands' types and constants alone. Networks repeat their layers.
 */
export class TypeCache {
  readonly #known: KnownType;
  readonly #types = new WeakMap<Type, string>();
  readonly #keys = new Map<string, string>();
  readonly #outputs = new Map<string, readonly Type[]>();

  constructor(known: KnownType) {
    this.#known = known;
  }

  /** Returns the output types of an equal node that was inferred before; otherwise null. */
  of(node: Node): readonly Type[] | null {
    const key = this.#key(node);
    return key === null ? null : (this.#outputs.get(key) ?? null);
  }

  /** Caches the inferred types of a node. A shape reported as [] may be an unknown rank. */
  learn(node: Node): void {
    const types = node.outputs.map((value) => (value ? this.#known(value) : ABSENT));
    if (!types.every((type) => type !== null && (type === ABSENT || type.shape?.length))) return;
    const key = this.#key(node);
    if (key !== null) this.#outputs.set(key, types as Type[]);
  }

  /** Returns null if the key would be too large. */
  #key(node: Node): string | null {
    if (node.bodies.length > 0 || node.callee) return null;
    let key = `${node.op}:${node.outputs.length}`;
    for (const { frame } of node.message.attributes) {
      if (frame.end - frame.start > LONGEST) return null;
      key += `;${this.#text(node.scope.file.reader.bytes(frame))}`;
    }
    for (const value of node.inputs) {
      const operand = value ? this.#operand(value) : "";
      if (operand === null) return null;
      key += `,${operand}`;
    }
    return key;
  }

  /** Returns the constant that an operand is, or its type; null if ONNX may read its numbers. */
  #operand(value: Value): string | null {
    const tensor = tensorOf(value);
    const type = typeOfTensor(value) ?? this.#known(value);
    if (!type) return null;
    if (tensor && elements(tensor.dims) <= INLINE) {
      if (type.dtype === "string") return null;
      return `${this.#typed(type)}=${this.#text(dataOf(value)!)}`;
    }
    if (tensor) return this.#typed(type);
    const rank = type.shape?.length ?? 0;
    const followed = type.dtype.startsWith("int") && rank === 1;
    return rank === 0 || followed ? null : this.#typed(type);
  }

  /** Returns a short name for a type. */
  #typed = (type: Type) =>
    entry(this.#types, type, () => this.#short(`${type.dtype}${JSON.stringify(type.shape)}`));

  #text = (bytes: Uint8Array) => this.#short(textOfCodes(bytes));

  #short = (text: string) => entry(this.#keys, text, () => String(this.#keys.size));
}
