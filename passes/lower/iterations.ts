import { numbersOf } from "../../src/graph/constants.ts";
import {
  attribute,
  type Node,
  type Scope,
  type Types,
  typeOfInfo,
  type Value,
} from "../../src/graph/graph.ts";
import { hasFact } from "../../src/graph/operators.ts";
import { behind, sourcesOf, walk } from "../../src/graph/walk.ts";
import { placeOfAxis } from "../../src/onnx/dtypes.ts";
import type { GraphMessage } from "../../src/onnx/messages.ts";

/** A Loop or Scan of the main graph whose iterations can be written one after the other. */
export interface Iterations {
  readonly node: Node;
  readonly body: Scope;
  /** Number of iterations, or the most that there can be. */
  readonly steps: number;
  /** Whether a condition that is computed may end it earlier. */
  readonly conditional: boolean;
  /** The first values of what is carried from one iteration to the next. */
  readonly initial: readonly Value[];
  /** Of a Scan, what is read slice by slice. */
  readonly read: readonly Sliced[];
  /** What is collected of each iteration, in the order of the outputs. */
  readonly collected: readonly { readonly axis: number; readonly reversed: boolean }[];
}

interface Sliced {
  readonly value: Value;
  readonly axis: number;
  readonly reversed: boolean;
}

/** Maximum number of iterations, and of nodes that they come to. */
const [MOST_STEPS, MOST_NODES] = [512, 2 ** 15];

/** Returns the iterations of a Loop or Scan, or why they cannot be written out, as a clause. */
export function iterationsOf(types: Types, node: Node): Iterations | string {
  const [body] = node.bodies;
  const found = node.op === "Loop" ? ofLoop(node, body) : ofScan(types, node, body);
  if (typeof found === "string") return found;
  const { steps } = found;
  if (steps > MOST_STEPS || steps * body.nodes.length > MOST_NODES)
    return `it has ${steps} iterations of ${body.nodes.length} nodes, but at most ${MOST_STEPS} iterations and ${MOST_NODES} nodes are unrolled`;
  if (steps === 0 && found.collected.length > 0) return "it has no iteration";
  return found;
}

const ABSENT = "one of its first values is absent";

function ofLoop(node: Node, body: Scope): Iterations | string {
  const [count, condition, ...initial] = node.inputs;
  const steps = numbersOf(count)?.[0];
  if (steps === undefined) return "its number of iterations is not known";
  const conditional = !goesOn(condition, body);
  if (initial.includes(null)) return ABSENT;
  const added = body.outputs.slice(1 + initial.length);
  const collected = added.map(() => ({ axis: 0, reversed: false }));
  if (conditional && collected.length > 0) return "how much it collects is computed from the data";
  const carried = body.inputs.slice(2);
  if (conditional && carried.some(isTruth)) return "it may end early, and it carries truth values";
  const loop = { node, body, conditional, initial: initial as Value[], collected };
  return { ...loop, steps: Math.max(0, steps), read: [] };
}

/**
 * Whether only the data shows how often a Loop runs, so that its iterations cannot be written out.
 * The data gives its number, or a condition that ends what it collects or carries.
 */
export function dependsOnData(node: Node): boolean {
  if (node.op !== "Loop") return false;
  const [body] = node.bodies;
  const [count, condition, ...initial] = node.inputs;
  const steps = numbersOf(count)?.[0];
  if (!count || (steps === undefined && readsInputs(count))) return true;
  if (goesOn(condition, body)) return false;
  const collects = body.outputs.length > 1 + initial.length;
  return collects || body.inputs.slice(2).some(isTruth) || (steps ?? 0) > MOST_STEPS;
}

/** Whether a value depends on what inputs of the model hold. */
function readsInputs(value: Value): boolean {
  const next = (at: Value) => (hasFact(at.producer?.op, "sizes") ? [] : sourcesOf(at));
  return [...walk([value], next)].some(({ producer, initializer }) => !producer && !initializer);
}

/** Whether an input of a body is stated to be a truth value. */
const isTruth = ({ scope, name }: Value) =>
  (scope.message as GraphMessage).inputs.some(
    (info) => info.name === name && typeOfInfo(info)?.dtype === "bool",
  );

/** Whether no condition ever ends a Loop. */
const goesOn = (condition: Value | null, body: Scope) =>
  (!condition || numbersOf(condition)?.[0] === 1) && isTrue(body, body.outputs[0]);

/** Whether a condition that a body gives is always true; its own condition is if it goes on. */
function isTrue(body: Scope, value: Value): boolean {
  const origin = behind(value, ({ op }) => op === "Identity");
  return origin === body.inputs[1] || numbersOf(origin)?.[0] === 1;
}

function ofScan(types: Types, node: Node, body: Scope): Iterations | string {
  if (node.scope.file.opset < 9) return "its form is that of opset 8";
  const many = attribute(node, "num_scan_inputs")?.i ?? 0;
  const carried = node.inputs.length - many;
  const list = (name: string) => attribute(node, name)?.ints ?? [];
  const read = node.inputs.slice(carried).map((value, k): Sliced | null => {
    const rank = value ? types.get(value)?.shape?.length : undefined;
    if (!value || rank === undefined) return null;
    const axis = list("scan_input_axes")[k] ?? 0;
    const reversed = list("scan_input_directions")[k] === 1;
    return { value, axis: placeOfAxis(axis, rank), reversed };
  });
  const [first] = read;
  const steps = first ? types.get(first.value)!.shape![first.axis] : null;
  if (typeof steps !== "number" || read.includes(null))
    return "its number of iterations is not known";
  const collected = body.outputs.slice(carried).map((_, k) => ({
    axis: list("scan_output_axes")[k] ?? 0,
    reversed: list("scan_output_directions")[k] === 1,
  }));
  const initial = node.inputs.slice(0, carried);
  if (initial.includes(null)) return ABSENT;
  const scan = { node, body, steps, initial: initial as Value[], collected };
  return { ...scan, conditional: false, read: read as Sliced[] };
}
