import { tensorOf } from "../../src/graph/constants.ts";
import type { Graph, Node, Scope } from "../../src/graph/graph.ts";
import { attributeOf, scopesOf } from "../../src/graph/scopes.ts";
import { allTensors } from "../../src/onnx/all-tensors.ts";
import type { Frame } from "../../src/onnx/decode.ts";
import { FIELD, type GraphMessage } from "../../src/onnx/messages.ts";
import { bytesSource, type Range } from "../../src/onnx/source.ts";
import { fromBase64, relocations, type Undo } from "../../src/onnx/undo.ts";
import { WireReader } from "../../src/onnx/wire.ts";
import { movedOnly } from "../../src/ort/loading.ts";
import type { Plan } from "../laurelize/plan.ts";

/** A part of the result that a plan may insert, or put in place of another. */
interface Part {
  readonly end: number;
  /** What it may replace; null if it replaces nothing. */
  readonly replaces: "length" | "input" | "note" | null;
  /** Its name in reports; null for a part that follows from others. */
  readonly name: string | null;
}

/** Returns the name of a value in any scope: the path to its scope, and its own name. */
export const pathName = (scope: Scope | undefined, name: string): string =>
  scope?.owner
    ? `${pathName(scope.owner.scope, scope.owner.message.outputs[0])}/${attributeOf(scope)}/${name}`
    : name;

/** Returns the name of an input slot: its node's first output, and its index. */
export const slotName = ({ scope, message }: Node, index: number) =>
  `${pathName(scope, message.outputs[0])} ${index}`;

/**
 * Returns what a result's record says was inserted: the names of new nodes, new weights and
 * redirected inputs, and a sentence for each step that does anything else. Lengths of enclosing
 * messages, notes about redirected operands and links to old weights may change with them.
 */
export function insertedParts(
  original: Graph,
  result: Graph,
  { steps, ...undo }: Undo,
  { patch }: Plan,
): { readonly names: readonly string[]; readonly differences: readonly string[] } {
  const names: string[] = [];
  const differences: string[] = [];
  const parts = partsOf(result, patch);
  const links = linkedTensors(original, result);
  addCopies(parts, result, { steps, ...undo });
  for (const link of links) addLengths(parts, link);
  for (const [at, inserted, removed] of steps) {
    if (inserted === 0 && removed === "") continue;
    const end = at + inserted;
    while (links.length > 0 && links[0].end < at) links.shift();
    if (links.length > 0 && links[0].start <= at && end <= links[0].end) continue;
    const before = names.length;
    let next: number | undefined = at;
    while (next !== undefined && next < end) {
      const part = parts.get(next);
      if (part?.name) names.push(part.name);
      const fits = part && part.end <= end && replacedBy(part, removed);
      next = fits ? part.end : undefined;
    }
    if (next === end && inserted > 0) continue;
    names.length = before;
    differences.push(`${inserted} bytes from byte ${at} on are not those of the plan`);
  }
  return { names, differences };
}

/** Returns the parts of a result that a patch may insert, by the byte at which they start. */
function partsOf(result: Graph, { redirects }: Plan["patch"]): Map<number, Part> {
  const { reader } = result.file;
  const parts = new Map<number, Part>();
  const redirected = new Set(redirects.map(({ use: { node } }) => slotName(node, 0)));
  const noted = new Set(redirects.map(({ name }) => name));
  const add = ({ start, end }: Range, replaces: Part["replaces"], name: string | null = null) =>
    parts.set(start, { end, replaces, name });
  const field = ({ at, end }: Frame): Range => ({ start: at, end });
  for (const scope of scopesOf(result)) {
    const { initializers, annotations } = scope.message as GraphMessage;
    for (const { name, frame } of initializers) {
      add(field(frame), null, pathName(scope, name));
    }
    for (const { name, frame } of annotations) if (noted.has(name)) add(field(frame), null);
    addLengths(parts, scope.message.frame);
    for (const node of scope.nodes) {
      const { frame, outputs } = node.message;
      add(field(frame), null, pathName(scope, outputs[0]));
      if (!redirected.has(slotName(node, 0))) continue;
      addLengths(parts, frame);
      let index = 0;
      for (const each of reader.fields(frame))
        if (each.number === FIELD.nodeInput) add(each, "input", slotName(node, index++));
        else if (each.number === FIELD.nodeDevices) add(each, "note");
    }
  }
  return parts;
}

/** Adds the lengths of a message and of those around it. */
function addLengths(parts: Map<number, Part>, frame: Frame | null): void {
  if (!frame || parts.has(frame.prefix)) return;
  parts.set(frame.prefix, { end: frame.start, replaces: "length", name: null });
  addLengths(parts, frame.parent);
}

/** Returns the tensors of the main graph that only refer to their values in the original's file. */
function linkedTensors(original: Graph, result: Graph): Frame[] {
  const links = [...result.main.values.values()].flatMap((value): Frame[] => {
    const before = tensorOf(original.main.values.get(value.name));
    const after = tensorOf(value);
    return before && after && movedOnly(original.file, before, result.file, after)
      ? [after.frame]
      : [];
  });
  return links.sort((a, b) => a.start - b.start);
}

/** Adds the entries that refer to data files by the names of their copies. */
function addCopies(parts: Map<number, Part>, { file }: Graph, undo: Undo): void {
  const copies = file.folder?.copies;
  if (!copies?.size) return;
  const former = relocations(file.source, undo);
  for (const { externalData } of allTensors(file))
    for (const { key, value, frame } of externalData)
      if (key === "location" && copies.get(value) === (former.get(value) ?? value)) {
        parts.set(frame.at, { end: frame.end, replaces: "note", name: null });
        addLengths(parts, frame.parent);
      }
}

/** Whether a part may stand in place of the removed bytes. */
function replacedBy({ replaces }: Part, removed: string | number): boolean {
  if (replaces === null) return removed === "";
  const bytes = typeof removed === "string" ? fromBase64(removed) : null;
  if (!bytes?.length) return false;
  if (replaces === "length") return bytes.findIndex((byte) => byte < 128) === bytes.length - 1;
  const { number, end } = new WireReader(bytesSource(bytes)).field(0, bytes.length);
  return end === bytes.length && (replaces === "note" || number === FIELD.nodeInput);
}
