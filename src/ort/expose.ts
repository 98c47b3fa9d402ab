import type { Tensor } from "onnxruntime-common";
import { buildGraph } from "../graph/build.ts";
import { uniqueNames } from "../graph/builder.ts";
import { type Graph, outward, type Scope, type Value } from "../graph/graph.ts";
import { own } from "../graph/own.ts";
import { patchedFile } from "../graph/patch.ts";
import { pathTo, type ScopeStep, valueLike } from "../graph/scopes.ts";
import { elements } from "../onnx/dtypes.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import {
  ALL_ITERATIONS,
  addNode,
  type ExposeDraft,
  type ExposedValue,
  exposeFromCall,
  FIRST_ITERATION,
} from "./expose-from.ts";
import type { Ort, Tensors } from "./session.ts";
import { dtypeOf, tensorOfBytes } from "./tensors.ts";

/** A model with inner values among its outputs, and the names of these outputs. */
export interface Exposed {
  readonly file: ModelFile;
  readonly outputs: readonly string[];
}

/** Makes values of the main graph outputs, by their names. */
export function withOutputs(file: ModelFile, names: readonly string[]): ModelFile {
  const present = new Set(file.graph.outputs.map(({ name }) => name));
  const outputs = names.filter((name) => !present.has(name)).map((name) => ({ name, type: null }));
  return patchedFile(file, { outputs });
}

/**
 * Makes values of the scope at the end of a path outputs of the model. A branch that is not taken
 * gives an empty tensor; a loop gives the values of all iterations. Returns null if an operator on
 * the path cannot expose values, or if a data type is unknown.
 */
export function expose(
  graph: Graph,
  path: readonly ScopeStep[],
  values: readonly ExposedValue[],
): Exposed | null {
  if (path.length === 0) {
    const outputs = values.map(({ name }) => name);
    return { file: withOutputs(graph.file, outputs), outputs };
  }
  const to = draft(graph);
  const names = exposeAlong(to, path, values, ALL_ITERATIONS);
  return names && { file: withOutputs(patchedFile(graph.file, to), names), outputs: names };
}

/** A value of a tensor type. */
export interface InnerValue {
  readonly value: Value;
  /** In ONNX's spelling. */
  readonly dtype: string;
}

/** A model whose outputs expose values of any of its scopes. */
export type ExposedInner = ReturnType<typeof exposeInner>;

/** Makes values of any scope outputs of the model; those of a loop at its first iteration. */
export function exposeInner(file: ModelFile, inner: Iterable<InnerValue>) {
  const outputs = new Map<Value, string>();
  // In opset 8, a Scan runs its body for each example.
  const stacked = (file.opsets.get("") ?? 9) < 9 ? 2 : 1;
  let to: ExposeDraft | undefined;
  for (const { value, dtype } of inner) {
    if (outputs.has(value)) continue;
    if (value.scope.kind === "main") outputs.set(value, value.name);
    else {
      to ??= draft(buildGraph(file));
      const inner = valueLike(to.graph, value);
      const path = inner && pathTo(inner.scope);
      const names = path && exposeAlong(to, path, [{ name: inner.name, dtype }], FIRST_ITERATION);
      if (names) outputs.set(value, names[0]);
    }
  }
  return {
    file: withOutputs(to ? patchedFile(file, to) : file, [...new Set(outputs.values())]),
    /** Returns the output that exposes the value; null if its body cannot expose values. */
    outputOf: (value: Value) => outputs.get(value) ?? null,
    /** Returns a value of a run, in loops of the first iteration; null if its body did not run. */
    read(ort: Ort, value: Value, results: Tensors): Tensor | null {
      const tensor = own(results, outputs.get(value) ?? "");
      return tensor && value.scope.owner
        ? firstIteration(ort, value.scope, tensor, stacked)
        : (tensor ?? null);
    },
  };
}

function draft(graph: Graph): ExposeDraft {
  const unique = uniqueNames(graph.names);
  const fresh = () => unique("exposed");
  const lists = { nodes: [], inputs: [], outputs: [], nodeInputs: [], nodeOutputs: [] };
  return { graph, fresh, ...lists, attributes: [] };
}

/** Exposes values of a path's last scope, step by step; returns their names in the main graph. */
function exposeAlong(
  to: ExposeDraft,
  path: readonly ScopeStep[],
  values: readonly ExposedValue[],
  rules: typeof ALL_ITERATIONS,
): string[] | null {
  const known = ({ node }: ScopeStep) => node.callee !== null || Object.hasOwn(rules, node.op);
  if (path.length === 0 || !path.every(known) || !importsOnnx(path.at(-1)!.scope)) return null;
  const innermost = path.at(-1)!.scope;
  let names = values.map(({ name }) => addNode(to, innermost, { op: "Identity", inputs: [name] }));
  for (const step of [...path].reverse()) {
    const exposed = names.map((name, k) => ({ name, dtype: values[k].dtype }));
    const next = (step.node.callee ? exposeFromCall : rules[step.node.op])(to, step, exposed);
    if (!next) return null;
    names = next;
  }
  return names;
}

/** A body uses the operator sets of its enclosing scope, a function those that it imports. */
const importsOnnx = (scope: Scope) =>
  [...outward(scope)].every(
    ({ message }) => !("opsets" in message) || message.opsets.some(({ domain }) => domain === ""),
  );

/** Returns the first iteration of each Scan around a value, which adds axes; null if the value was not computed. */
function firstIteration(ort: Ort, scope: Scope, tensor: Tensor, axes: number): Tensor | null {
  const turns = pathTo(scope).filter(({ node }) => node.op === "Scan").length * axes;
  const { dims } = tensor;
  if (dims.slice(0, turns).includes(0)) return null;
  const shape = dims.slice(turns);
  if (shape.length === 1 && shape[0] === 0) return null;
  if (turns === 0) return tensor;
  const size = elements(shape);
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = tensor.data as Float32Array;
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, size * BYTES_PER_ELEMENT);
  return tensorOfBytes(ort, dtypeOf(tensor), bytes, shape);
}
