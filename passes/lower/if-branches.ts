import { InputError } from "../../src/errors.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import type { Types } from "../../src/graph/types.ts";
import { type Dimension, showShape } from "../../src/onnx/shape.ts";

/** Both branches of an If. */
export type Both = readonly [then: Scope, otherwise: Scope];

/** Returns the branch that an If of the main graph always takes; null if it is unknown. */
export function branchTaken(graph: Graph, node: Node): Scope | null {
  if (node.op !== "If" || node.scope !== graph.main) return null;
  const condition = numbersOf(graph, node.inputs[0]);
  if (condition?.length !== 1) return null;
  return bodyOf(node, condition[0] ? "then_branch" : "else_branch");
}

function bodyOf(node: Node, name: string): Scope | null {
  const message = node.message.attributes.find((each) => each.name === name)?.g;
  return node.bodies.find((body) => body.message === message) ?? null;
}

/** The first opset with Where. */
const WHERE = 9;

/**
 * Returns both branches of an If of the main graph, to choose between their results; null if their
 * outputs are known to differ in type or size.
 */
export function bothBranches(graph: Graph, types: Types, node: Node): Both | null {
  if (node.op !== "If" || node.scope !== graph.main) return null;
  const [then, other] = [bodyOf(node, "then_branch"), bodyOf(node, "else_branch")];
  if (!then || !other || (graph.file.opsets.get("") ?? 7) < WHERE) return null;
  const apart = then.outputs.some((value, k) => {
    const [a, b] = [types.get(value), types.get(other.outputs[k])];
    if (!a || a.dtype !== b?.dtype) return true;
    return a.shape !== null && b.shape !== null && !compatible(a.shape, b.shape);
  });
  return apart ? null : [then, other];
}

const compatible = (a: readonly Dimension[], b: readonly Dimension[]) =>
  a.length === b.length &&
  a.every((size, k) => typeof size === "string" || typeof b[k] === "string" || size === b[k]);

/** Throws an InputError if the two branches do not give one and the same shape. */
export function checkChosen({ main }: Graph, types: Types, chosen: ReadonlySet<string>): void {
  for (const name of chosen) {
    const { op, inputs } = main.values.get(name)!.producer!;
    const both = op === "Or" ? inputs.map((value) => value!.producer!.inputs[1]) : inputs.slice(1);
    const [then, other] = both.map((value) => types.get(value!)?.shape);
    if (then?.every((size) => typeof size === "number") && `${then}` === `${other}`) continue;
    throw new InputError(
      `the If that makes ${name} gives ${showShape(then)} or ${showShape(other)}, but its gradient needs one shape with all sizes known.`,
    );
  }
}
