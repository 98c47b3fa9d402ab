import { groupBy } from "../entry.ts";
import { tensorOf } from "../graph/constants.ts";
import type { Graph, Node, Scope, Value } from "../graph/graph.ts";
import { dataType } from "../onnx/dtypes.ts";
import type { SparseTensorMessage, TensorMessage } from "../onnx/messages.ts";
import { tensorBytes } from "../onnx/model-file.ts";
import { equalRanges } from "../onnx/source.ts";
import { tensorDifference } from "./difference.ts";
import { bodiesOf, type Counterpart, NUMBERED } from "./matching.ts";

type Weight = TensorMessage | SparseTensorMessage;

/** Returns the tensor of an initializer or, in the main graph, of a Constant node. */
const initializerOf = (value: Value): Weight | null =>
  value.initializer ?? (value.scope.kind === "main" ? tensorOf(value) : null);

/** Describes how a weight differs between two models; returns null if it is equal. */
export function weightDifference(value: Value, twin: Value): string | null {
  const [a, b] = [value.scope.file, twin.scope.file];
  const [x, y] = [initializerOf(value)!, initializerOf(twin)!];
  if (!("values" in x) && !("values" in y)) return tensorDifference(a, x, b, y);
  return equalRanges(a, x.frame, b, y.frame) ? null : "differs";
}

/** The weights of two models, each with its counterpart or none. */
export interface WeightTwins {
  /** Weights of the first by their twins in the second. */
  readonly twins: ReadonlyMap<Value, Value>;
  readonly lost: readonly Value[];
  readonly added: readonly Value[];
}

/**
 * Finds the counterpart of each weight of the first model in the second. It is the weight of the
 * same name, the one that the same node reads at the same input, or one with equal contents.
 */
export function weightTwins(a: Graph, b: Graph, pairs: readonly Counterpart[]): WeightTwins {
  const partners = new Map(pairs.map((pair) => [pair.a, pair.b]));
  const twins = new Map<Value, Value>();
  const lost: Value[] = [];
  const added: Value[] = [];
  for (const [x, y] of [[a.main, b.main] as const, ...bodiesOf(pairs)]) {
    const own = weightsIn(x);
    const left = new Set(weightsIn(y));
    const match = (value: Value, other: Value | undefined) => {
      if (!other || !left.delete(other)) return false;
      twins.set(value, other);
      return true;
    };
    const unnamed = own.filter((value) => !match(value, namesake(value, y, partners)));
    const unread = unnamed.filter((value) => !match(value, readInstead(value, partners)));
    const byContents = groupBy(unread.length > 0 ? left : [], keyOf);
    for (const value of unread) {
      const same = byContents
        .get(keyOf(value))
        ?.find((other) => left.has(other) && weightDifference(value, other) === null);
      if (!match(value, same)) lost.push(value);
    }
    added.push(...left);
  }
  return { twins, lost, added };
}

const weightsIn = ({ values }: Scope) =>
  [...values.values()].filter((value) => initializerOf(value));

/** Returns the value of one name or, if the name is a number, the one that the same node reads. */
function namesake(
  value: Value,
  other: Scope,
  partners: ReadonlyMap<Node, Node>,
): Value | undefined {
  const same = other.values.get(value.name);
  if (!NUMBERED.test(value.name) || value.uses.length === 0) return same;
  for (const { node, index } of value.uses) {
    const inputs = partners.get(node)?.inputs ?? [];
    if (same && inputs.includes(same)) return same;
    const twin = inputs[index];
    if (twin && NUMBERED.test(twin.name) && !node.inputs.some((it) => it?.name === twin.name))
      return twin;
  }
  return undefined;
}

function readInstead(value: Value, partners: ReadonlyMap<Node, Node>): Value | undefined {
  for (const { node, index } of value.uses) {
    const read = partners.get(node)?.inputs[index];
    // A weight that the first model has too is its own counterpart.
    if (read && initializerOf(read) && !value.scope.values.has(read.name)) return read;
  }
  return undefined;
}

/** Returns a key that is equal for weights of equal contents, and for few others. */
function keyOf(value: Value): string {
  const weight = initializerOf(value)!;
  if ("values" in weight) return `sparse ${weight.dims.join()}`;
  const key = `${weight.dataType} ${weight.dims.join()}`;
  if (dataType(weight.dataType)?.name === "string") return key;
  let hash = 0x811c9dc5;
  for (const byte of tensorBytes(value.scope.file, weight))
    hash = Math.imul(hash ^ byte, 0x01000193);
  return `${key} ${hash}`;
}
