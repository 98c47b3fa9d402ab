import { RANDOM, readsShapeOnly } from "../../src/graph/constants.ts";
import { type Node, outputsOf, readsOf, type Scope, type Value } from "../../src/graph/graph.ts";
import { operatorsThat } from "../../src/graph/operators.ts";
import { byOrder } from "../../src/graph/scopes.ts";
import { inFloats } from "./operators.ts";
import type { Setting, Term } from "./residual.ts";
import { besides } from "./skip-norm.ts";

/** What lies on the paths from one value to another. */
export interface Paths {
  /** Some path passes learned weights that mix features. */
  readonly mixed: boolean;
  /** Some path passes a pool that mixes positions. */
  readonly pooled: boolean;
  /** Some path passes a nonlinear operator. */
  readonly nonlinear: boolean;
  /** Every path passes an operator that enlarges a feature map. */
  readonly upsampled: boolean;
  /** Some path passes an operator that reduces a feature map. */
  readonly reduced: boolean;
  /** Every path passes an operator that repeats positions, or one that reads repeated positions. */
  readonly repeated: boolean;
}

const START: Paths = {
  ...{ mixed: false, pooled: false, nonlinear: false },
  ...{ upsampled: false, reduced: false, repeated: false },
};

/** Nonlinear if both operands are computed from the same value. */
const BILINEAR = operatorsThat("bilinear");

/** Number of values whose paths are cached. */
const KEPT = 64;

/** Maximum number of nodes that all searches visit; larger graphs are not networks. */
const VISITS = 50_000_000;

/**
 * Finds what is reached from a value before a given node, in its scope and in the enclosing ones.
 * Searches go forward, never past that node, and are cached for the sums that share a skip. If sums
 * are queried from the last to the first, each value is searched once.
 */
export class Reach {
  readonly #setting: Setting;
  readonly #kept = new Map<Value, { limit: Node; paths: Map<Value, Paths> }>();
  #visits = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** Returns the paths from `from` to `to`, which `limit` reads; null if there is none. */
  paths(from: Value, to: Value, limit: Node): Paths | null {
    const known = this.#kept.get(from);
    const kept =
      known && known.limit.scope === limit.scope && known.limit.index >= limit.index
        ? known
        : { limit, paths: this.#search(from, limit) };
    this.#kept.delete(from);
    this.#kept.set(from, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest) this.#kept.delete(oldest);
    return kept.paths.get(to) ?? null;
  }

  #search(from: Value, limit: Node): Map<Value, Paths> {
    const paths = new Map<Value, Paths>([[from, START]]);
    for (const value of besides(from)) paths.set(value, { ...START, nonlinear: true });
    const limits = limitsOf(limit);
    const nodes = new Set<Node>();
    const addReaders = ({ uses }: Value) => {
      for (const { node } of uses) {
        const reader = visible(node, limits);
        if (reader && !readsShapeOnly(reader) && !RANDOM.has(reader.op)) nodes.add(reader);
      }
    };
    for (const value of paths.keys()) addReaders(value);
    for (const node of nodes) {
      if (++this.#visits > VISITS) return paths;
      for (const output of outputsOf(node)) addReaders(output);
    }
    for (const node of [...nodes].sort(byOrder)) {
      const through = this.#through(node, paths);
      for (const output of outputsOf(node)) paths.set(output, through);
    }
    return paths;
  }

  #through(node: Node, paths: ReadonlyMap<Value, Paths>): Paths {
    const before: Paths[] = [];
    for (const value of readsOf(node)) {
      const one = paths.get(value);
      if (one) before.push(one);
    }
    const own = this.#setting.traits(node);
    const { mixer, pooling, upsampling, reducing, repeating, nonlinear } = own;
    const repeated = ({ repeated }: Paths) => repeated;
    return {
      mixed: mixer || before.some((one) => one.mixed),
      pooled: pooling || before.some((one) => one.pooled),
      nonlinear:
        (nonlinear && !(BILINEAR.has(inFloats(node.op)) && before.length === 1)) ||
        before.some((one) => one.nonlinear),
      upsampled: upsampling || before.every((one) => one.upsampled),
      reduced: reducing || before.some((one) => one.reduced),
      repeated:
        repeating ||
        (inFloats(node.op) === "Concat" ? before.some(repeated) : before.every(repeated)),
    };
  }
}

/** Returns the limit in each scope that a node sees: itself, and the nodes around it. */
function limitsOf(limit: Node): ReadonlyMap<Scope, Node> {
  const limits = new Map<Scope, Node>();
  for (let at: Node | null = limit; at; at = at.scope.owner) limits.set(at.scope, at);
  return limits;
}

/** Returns the node, or the one around it, if it precedes the limit; otherwise null. */
function visible(node: Node, limits: ReadonlyMap<Scope, Node>): Node | null {
  for (let at: Node | null = node; at; at = at.scope.owner) {
    const limit = limits.get(at.scope);
    if (limit) return at.index < limit.index ? at : null;
  }
  return null;
}

/** One term tried as the skip, and the others of its sum. */
export interface Trial {
  readonly setting: Setting;
  readonly reach: Reach;
  readonly node: Node;
  readonly skip: Term;
  readonly others: readonly Term[];
}
