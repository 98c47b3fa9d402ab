import { InputError } from "../../src/errors.ts";
import { newBuilder } from "../../src/graph/builder.ts";
import { numbersOf } from "../../src/graph/constants.ts";
import { type Graph, type Node, readsOf, type Scope, type Types } from "../../src/graph/graph.ts";
import { sinceOf } from "../../src/graph/operators.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { encodeNumbers } from "../../src/graph/tensor.ts";
import { canBeSame, isFloat, showShape } from "../../src/onnx/dtypes.ts";
import { plainNode } from "../../src/onnx/new-node.ts";
import { Rewriter } from "../../src/onnx/renamed-nodes.ts";
import { bodyWeights, type WrittenBodies, writeBody } from "./inner-nodes.ts";

type Both = readonly [then: Scope, otherwise: Scope];

/** Returns the branch that an If of the main graph always takes; null if it is unknown. */
export function branchTaken(node: Node): Scope | null {
  if (node.op !== "If" || node.scope.kind !== "main") return null;
  const condition = numbersOf(node.inputs[0]);
  if (condition?.length !== 1) return null;
  return bodyOf(node, condition[0] ? "then_branch" : "else_branch");
}

function bodyOf(node: Node, name: string): Scope | null {
  const message = node.message.attributes.find((each) => each.name === name)?.g;
  return node.bodies.find((body) => body.message === message) ?? null;
}

/** Returns both branches of an If of the main graph; null if their outputs are known to differ. */
export function bothBranches(types: Types, node: Node): Both | null {
  if (node.op !== "If" || node.scope.kind !== "main") return null;
  const [then, other] = [bodyOf(node, "then_branch"), bodyOf(node, "else_branch")];
  if (!then || !other || node.scope.file.opset < sinceOf("Where")) return null;
  const apart = then.outputs.some((value, k) => {
    const [a, b] = [types.get(value), types.get(other.outputs[k])];
    if (!a || a.dtype !== b?.dtype) return true;
    return a.shape !== null && b.shape !== null && !canBeSame(a.shape, b.shape);
  });
  return apart ? null : [then, other];
}

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

/** What replaces an If: the branch that it always takes, or both and a choice between them. */
type Branches = ReadonlyMap<Node, Scope | Both>;

interface Draft extends WrittenBodies {
  readonly types: Types;
}

/** Returns a patch that replaces these Ifs by the nodes of their branches. */
export function withoutIf(graph: Graph, types: Types, branches: Branches): Patch {
  const { fresh } = newBuilder(graph, "branch");
  const rewriter = new Rewriter<Node>(graph.file);
  const draft: Draft = { types, fresh, rewriter, written: [], tensors: [] };
  for (const [node, taken] of branches)
    if ("nodes" in taken) writeBranch(draft, taken, node.message);
    else chooseAfterBoth(draft, node, taken);
  const { tensors, written } = draft;
  return { tensors, removed: [...branches.keys()], written };
}

/** New names of a branch's outputs, and of values that it reads from outside. */
interface BranchNames {
  readonly outputs: readonly string[];
  readonly instead?: readonly (readonly [string, string])[];
}

function writeBranch(draft: Draft, body: Scope, { outputs: names, instead = [] }: BranchNames) {
  const outputs = body.outputs.map(({ name }, k) => [name, names[k] ?? ""] as const);
  writeBody(draft, body, { given: [...bodyWeights(draft, body), ...instead], outputs });
}

function chooseAfterBoth(draft: Draft, node: Node, both: Both): void {
  const { types, fresh, written } = draft;
  const write = (op: string, inputs: string[], output: string) =>
    written.push({ before: node, node: plainNode(op, inputs, [output]) });
  const { outputs } = node.message;
  const condition = scalarCondition(draft, node, write);
  const [then, otherwise] = both.map((body, k) => {
    const names = outputs.map((name) => name && fresh(`${name}.branch`));
    const instead = floatsRead(draft, body).map(({ name, dtype }) => {
      const [safe, other] = [fresh(`${name}.safe`), fresh(`${name}.other`)];
      draft.tensors.push({ name: other, dtype, dims: [], data: encodeNumbers(dtype, [SAFE]) });
      write("Where", [condition, ...(k === 0 ? [name, other] : [other, name])], safe);
      return [name, safe] as const;
    });
    writeBranch(draft, body, { outputs: names, instead });
    return names;
  });
  for (const [k, output] of outputs.entries())
    if (output && types.get(both[0].outputs[k])?.dtype !== "bool")
      write("Where", [condition, then[k], otherwise[k]], output);
    else if (output) {
      // onnxruntime does not have Where for booleans.
      const [not, left, right] = ["not", "then", "else"].map((of) => fresh(`${output}.${of}`));
      write("Not", [condition], not);
      write("And", [condition, then[k]], left);
      write("And", [not, otherwise[k]], right);
      write("Or", [left, right], output);
    }
}

/** A number at which a branch that is not taken has slopes, as 1 / x, ln x and ln (1 − x) do. */
const SAFE = 0.5;

/**
 * Returns the computed floats that a branch reads from outside. While it is not taken it reads another
 * number instead: what is infinite there would make its gradient NaN, not 0.
 */
const floatsRead = ({ types }: Draft, body: Scope) =>
  [...new Set(body.nodes.flatMap(readsOf))].flatMap((value) => {
    const dtype = types.get(value)?.dtype ?? "";
    const isComputed = value.scope !== body && value.initializer === null && isFloat(dtype);
    return isComputed ? [{ name: value.name, dtype }] : [];
  });

/** Reshapes the condition to a scalar: one of higher rank would add axes to the result. */
function scalarCondition(
  { types, fresh, tensors }: Draft,
  { inputs: [condition] }: Node,
  write: (op: string, inputs: string[], output: string) => void,
): string {
  const { name } = condition!;
  if (types.get(condition!)?.shape?.length === 0) return name;
  const none = fresh(`${name}.shape`);
  tensors.push({ name: none, dtype: "int64", dims: [0], data: new Uint8Array(0) });
  const scalar = fresh(`${name}.scalar`);
  write("Reshape", [name, none], scalar);
  return scalar;
}
