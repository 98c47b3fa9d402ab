import { readsShapeOnly } from "../../src/graph/constants.ts";
import { type Node, outputsOf, readsOf, type Value } from "../../src/graph/graph.ts";
import { hasFact, inFloats } from "../../src/graph/operators.ts";
import { inOrder } from "../../src/graph/scopes.ts";
import { OF_EACH, PATH_FACTS, type Paths, pathsByFacts } from "./paths.ts";
import { Recent } from "./recent.ts";
import type { Setting, Term } from "./residual.ts";
import { besides } from "./skip-norm.ts";

/** Maximum number of nodes that all searches visit; larger graphs are not networks. */
const VISITS = 50_000_000;

/** The facts of the paths from one value to those before a node. */
interface Search {
  readonly limit: Node;
  readonly facts: ReadonlyMap<Value, number>;
}

/**
 * Finds what is reached from a value before a given node, in its scope and in the enclosing ones.
 * Searches go forward, never past that node, and are cached for the sums that share a skip. If sums
 * are queried from the last to the first, each value is searched once.
 */
export class Reach {
  readonly #traits: Setting["traits"];
  readonly #searches = new Recent<Value, Search>();
  #visits = 0;

  constructor(traits: Setting["traits"]) {
    this.#traits = traits;
  }

  /** Returns the paths from `from` to `to`, which `limit` reads; null if there is none. */
  paths(from: Value, to: Value, limit: Node): Paths | null {
    let search = this.#searches.get(from);
    if (search?.limit.scope !== limit.scope || search.limit.index < limit.index) {
      search = { limit, facts: this.#search(from, limit) };
      this.#searches.set(from, search);
    }
    const facts = search.facts.get(to);
    return facts === undefined ? null : pathsByFacts(facts);
  }

  #search(from: Value, limit: Node): Map<Value, number> {
    const facts = new Map<Value, number>();
    facts.set(from, 0);
    for (const value of besides(from)) facts.set(value, PATH_FACTS.nonlinear);
    const nodes = new Set<Node>();
    const addReaders = ({ uses }: Value) => {
      for (const { node } of uses) {
        const reader = nodeBefore(limit, node);
        if (reader && !readsShapeOnly(reader) && !hasFact(reader.op, "random")) nodes.add(reader);
      }
    };
    for (const value of facts.keys()) addReaders(value);
    for (const node of nodes) {
      if (++this.#visits > VISITS) return facts;
      for (const output of outputsOf(node)) addReaders(output);
    }
    for (const node of inOrder(nodes)) {
      const through = this.#through(node, facts, from);
      for (const output of outputsOf(node)) facts.set(output, through);
    }
    return facts;
  }

  #through(node: Node, facts: ReadonlyMap<Value, number>, from: Value): number {
    const traits = this.#traits(node);
    const op = inFloats(node.op);
    const injects = op === "Add" && !traits.projection;
    let [ofAny, ofEach, operands] = [0, ~0, 0];
    for (const value of readsOf(node)) {
      const before = facts.get(value);
      if (before === undefined) continue;
      ofAny |= before;
      ofEach &= injects && value === from ? PATH_FACTS.injected : before;
      operands++;
    }
    let through = (ofAny & ~OF_EACH) | (ofEach & OF_EACH);
    if (op === "Concat") through |= ofAny & PATH_FACTS.repeated;
    if (traits.mixer) through |= PATH_FACTS.mixed;
    if (traits.pooling) through |= PATH_FACTS.pooled;
    if (traits.nonlinear && !(operands === 1 && hasFact(op, "bilinear")))
      through |= PATH_FACTS.nonlinear;
    if (traits.upsampling) through |= PATH_FACTS.upsampled;
    if (traits.reducing) through |= PATH_FACTS.reduced;
    if (traits.repeating) through |= PATH_FACTS.repeated;
    return through;
  }
}

/** Returns a node, or one around it, that precedes the limit or a node around that; null if none does. */
function nodeBefore(limit: Node, node: Node): Node | null {
  for (let at: Node | null = node; at; at = at.scope.owner)
    for (let around: Node | null = limit; around; around = around.scope.owner)
      if (at.scope === around.scope) return at.index < around.index ? at : null;
  return null;
}

/** One term tried as the skip, and the others of its sum. */
export interface Trial {
  readonly setting: Setting;
  readonly node: Node;
  readonly skip: Term;
  readonly others: readonly Term[];
}
