import type { Tensor } from "onnxruntime-common";
import { buildGraph, type Graph, type Scope, type Value } from "../graph/graph.ts";
import { valueLike } from "../graph/scopes.ts";
import type { Edit } from "../onnx/edits.ts";
import { type ModelFile, openFile } from "../onnx/model-file.ts";
import { patchedSource, splices } from "../onnx/splices.ts";
import { dtypeOf, tensorOfBytes } from "./floats.ts";
import { leadOut, ownersOf } from "./lead-out.ts";
import { withOutputs } from "./runnable.ts";
import type { Ort, Tensors } from "./session.ts";

/** A value of a tensor type. */
export interface Tap {
  readonly value: Value;
  /** As ONNX spells it. */
  readonly dtype: string;
}

/** A model that gives values of any of its scopes out. */
export interface Tapped {
  readonly file: ModelFile;
  /** The output that holds a value; null where the value is in a body that gives none out. */
  outputOf(value: Value): string | null;
  /** The value in what a run gave, at the first turn of a loop; null where its body did not run. */
  read(ort: Ort, value: Value, got: Tensors): Tensor | null;
}

/** The model with further outputs, one for each value, those of bodies included. */
export function tapped(file: ModelFile, taps: Iterable<Tap>): Tapped {
  const outputs = new Map<Value, string>();
  const edits: Edit[] = [];
  let graph: Graph | undefined;
  for (const { value, dtype } of taps) {
    if (outputs.has(value)) continue;
    if (value.scope.kind === "main") outputs.set(value, value.name);
    else {
      graph ??= buildGraph(file);
      const own = valueLike(graph, value);
      const name = own && leadOut(file, own, dtype, `tap ${outputs.size}`, edits);
      if (name) outputs.set(value, name);
    }
  }
  // Where messages end at one byte, what is put into the inner one comes first.
  edits.sort((a, b) => b.frame.depth - a.frame.depth);
  const source = patchedSource(file.source, splices(edits));
  const led = edits.length === 0 ? file : openFile(source, file.folder);
  return {
    file: withOutputs(led, [...new Set(outputs.values())]),
    outputOf: (value) => outputs.get(value) ?? null,
    read: (ort, value, got) => {
      const tensor = got[outputs.get(value) ?? ""];
      return tensor && value.scope.owner ? firstTurn(ort, value.scope, tensor) : (tensor ?? null);
    },
  };
}

/** A value led out of its body, at the first turn of each Scan around it; null where it was not made. */
function firstTurn(ort: Ort, scope: Scope, tensor: Tensor): Tensor | null {
  const turns = [...ownersOf(scope)].filter(({ op }) => op === "Scan").length;
  const { dims } = tensor;
  if (dims.slice(0, turns).includes(0)) return null;
  const own = dims.slice(turns);
  if (own.length === 1 && own[0] === 0) return null;
  if (turns === 0) return tensor;
  const size = own.reduce((a, b) => a * b, 1);
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = tensor.data as Float32Array;
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, size * BYTES_PER_ELEMENT);
  return tensorOfBytes(ort, dtypeOf(tensor), bytes, own);
}
