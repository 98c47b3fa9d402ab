import { entry } from "../../src/entry.ts";
import { tensorOf } from "../../src/graph/constants.ts";
import { inputsOf, type Node, type Scope, type Value } from "../../src/graph/graph.ts";
import { sourcesOf, walk } from "../../src/graph/walk.ts";
import { equalBytes } from "../../src/onnx/bytes.ts";
import { externalRange, isExternal } from "../../src/onnx/external.ts";
import type { TensorMessage } from "../../src/onnx/messages.ts";
import { type ModelFile, tensorBytes } from "../../src/onnx/model-file.ts";
import { equalRanges } from "../../src/onnx/source.ts";
import type { Setting, Site } from "./residual.ts";
import { skipChain } from "./skip-chain.ts";
import { besides } from "./skip-norm.ts";
import type { Unplaced } from "./streams.ts";

/** Number of bytes at each end that are compared first. */
const ENDS = 64;

/**
 * Numbers weights so that equal ones have the same number: the same value, the same range of a data
 * file, or equal bytes. Reads only those as a whole that agree in type, shape and both ends.
 */
class SameWeights {
  readonly #numbers = new Map<Value, number>();
  readonly #firsts = new Map<string, Value[]>();

  numberOf = (value: Value): number => entry(this.#numbers, value, () => this.#find(value));

  #find(value: Value): number {
    const own = this.#numbers.size;
    const tensor = tensorOf(value);
    if (!tensor) return own;
    const firsts = entry(this.#firsts, keyOf(value.scope.file, tensor), () => []);
    const first = firsts.find((other) => areEqual(value.scope.file, tensorOf(other)!, tensor));
    if (first) return this.#numbers.get(first)!;
    firsts.push(value);
    return own;
  }
}

function keyOf({ source }: ModelFile, tensor: TensorMessage): string {
  const type = `${tensor.dataType} ${tensor.dims}`;
  if (isExternal(tensor)) return `${type} ${JSON.stringify(externalRange("", tensor))}`;
  const { raw } = tensor;
  if (!raw) return type;
  const { start, end } = raw;
  const ends = [
    source.read(start, Math.min(end, start + ENDS)),
    source.read(Math.max(start, end - ENDS), end),
  ];
  return `${type} ${ends.map((bytes) => bytes.join()).join(" ")}`;
}

function areEqual(file: ModelFile, a: TensorMessage, b: TensorMessage): boolean {
  if (isExternal(a) && isExternal(b)) return true;
  if (a.raw && b.raw) return equalRanges(file, a.raw, file, b.raw);
  return equalBytes(tensorBytes(file, a), tensorBytes(file, b));
}

/**
 * Names the layer of each site: its own name, or that of an earlier site that is the same layer.
 * Sites are the same layer if they are in different branches of the same If, and all learned
 * weights of f are equal: the same outer values, or the same bytes. If branches contain a layer
 * several times, they are paired in order.
 */
export function nameLayers(setting: Setting, sites: readonly Unplaced[]): void {
  const weights = new SameWeights();
  const known = new Map<string, Site[][]>();
  for (const site of sites) {
    const own = branchesOf(site).size === 0 ? [] : weightsOf(setting, site);
    if (own.length === 0) continue;
    const numbers = new Set(own.map((value) => weights.numberOf(value)));
    const { dtype, shape, feature } = site;
    const key = JSON.stringify([[...numbers].sort(), dtype, shape.length, feature]);
    const groups = entry(known, key, () => []);
    const group = groups.find((members) => members.every((other) => apart(site, other)));
    if (group) {
      group.push(site);
      site.layer = group[0].name;
    } else groups.push([site]);
  }
}

/** Returns the Ifs that enclose a site, and its branch in each. */
function branchesOf({ scope }: Site): ReadonlyMap<Node, Scope> {
  const branches = new Map<Node, Scope>();
  for (let at = scope; at.owner; at = at.owner.scope)
    if (at.owner.op === "If") branches.set(at.owner, at);
  return branches;
}

/** Whether an If runs either one of two sites or the other. */
function apart(a: Site, b: Site): boolean {
  const other = branchesOf(b);
  return [...branchesOf(a)].some(([owner, body]) => {
    const branch = other.get(owner);
    return branch !== undefined && branch !== body;
  });
}

/** Returns the learned weights between skip and sum: constants of nodes that mix features. */
function weightsOf(setting: Setting, { skip, branches }: Site): Value[] {
  const ends = new Set(
    [...skipChain(setting, skip.value)].flatMap(({ value }) => [value, ...besides(value)]),
  );
  const { scope } = skip.use.node;
  const weights = new Set<Value>();
  const between = (value: Value) =>
    value.producer && value.scope === scope && !ends.has(value) ? inputsOf(value.producer) : [];
  const computed = (value: Value) => between(value).filter((v) => !setting.constants.has(v));
  const from = branches.map(({ value }) => value);
  for (const value of walk(from, computed)) {
    if (!value.producer || !setting.traits(value.producer).mixer) continue;
    for (const input of between(value))
      if (setting.constants.has(input)) for (const leaf of leavesOf(input)) weights.add(leaf);
  }
  return [...weights];
}

/** Returns the initializers and Constants that a constant is computed from. */
function leavesOf(value: Value): Value[] {
  const isLeaf = (at: Value) => !at.producer || tensorOf(at) !== null;
  return [...walk([value], (at) => (isLeaf(at) ? [] : sourcesOf(at)))].filter(isLeaf);
}
