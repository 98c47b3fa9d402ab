import type { Sizes } from "../../src/graph/bound.ts";
import { called, type Node, type TypedGraph } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { type Model, patched } from "../../src/model.ts";
import type { Ort } from "../../src/ort/session.ts";
import { NotLowered } from "../lower/composite.ts";
import { bothBranches, branchTaken, checkChosen, withoutIf } from "../lower/if-branches.ts";
import { canLower, lowering } from "../lower/index.ts";
import { inlined } from "../lower/inline.ts";
import { withoutLoops } from "../lower/loops.ts";
import { withoutSequences } from "../lower/sequences.ts";
import { between, ruleOf } from "./active-subgraph.ts";
import { withFewerOperators } from "./fewer-operators.ts";
import { withFewerPositions } from "./fewer-positions.ts";
import type { GradientRules } from "./rule.ts";
import { type Specialized, specialize } from "./specialize.ts";

interface DifferentiatedPart {
  readonly dims?: Sizes;
  readonly from: readonly string[];
  readonly to: (specialized: Specialized) => readonly string[];
  /** Whether the forward pass too may be written in fewer operators, with other rounding. */
  readonly rewrites?: boolean;
  /** A user's rules; their operators are not lowered. */
  readonly rules?: GradientRules | undefined;
}

/** A model that is plain where it is differentiated. */
export interface PlainModel extends Specialized {
  /** Why composite nodes could not be lowered, by their names. */
  readonly reasons: ReadonlyMap<string, string>;
}

/**
 * Returns a model with fixed sizes in which everything between some values and others is lowered to
 * operators with a gradient, as far as possible: composite operators, the model's own functions,
 * sequences, and Ifs (the only branch taken, or both followed by Where). Throws an InputError if
 * two branches give tensors of different shapes.
 */
export async function plainBetween(
  model: Model,
  ort: Ort,
  { dims = {}, from, to, rules = {}, rewrites = false }: DifferentiatedPart,
): Promise<PlainModel> {
  let now = await specialize(model, ort, { dims, free: from });
  const chosen = new Set<string>();
  for (;;) {
    const { graph } = now.model;
    const named = (names: readonly string[]) =>
      names.flatMap((name) => graph.main.values.get(name) ?? []);
    const path = between(graph, named(from), named(to(now)));
    const closed = path.filter((node) => !ruleOf(node, rules));
    const reasons = new Map<string, string>();
    const free = new Set(named(from));
    const fewer = () =>
      withFewerPositions(graph, now.types) ?? withFewerOperators(graph, now.types, path, free);
    const patch =
      (rewrites ? fewer() : null) ?? plainer({ graph, types: now.types, chosen, reasons }, closed);
    if (!patch) {
      checkChosen(graph, now.types, chosen);
      return { ...now, reasons };
    }
    now = await specialize(await patched(graph, patch), ort, { free: from });
  }
}

interface Lowering extends TypedGraph {
  readonly chosen: Set<string>;
  readonly reasons: Map<string, string>;
}

/** Returns the first applicable lowering of these nodes; null if there is none. */
function plainer(
  { graph, types, chosen, reasons }: Lowering,
  nodes: readonly Node[],
): Patch | null {
  const behind = new Set(nodes);
  const calls = inlined(graph, (node) => behind.has(node));
  if (calls) return calls.patch;
  // Also nodes elsewhere, because values after them have no sizes until they are lowered.
  const taken = ifsOf(graph.main.nodes, (node) => branchTaken(node));
  if (taken.size > 0) return withoutIf(graph, types, taken);
  const tensors = withoutSequences(graph, types, graph.main.nodes);
  if (tensors) return tensors;
  const loops = withoutLoops(graph, types, nodes);
  if (loops.patch) return loops.patch;
  for (const [name, reason] of loops.reasons) reasons.set(name, reason);
  const plain = lowered({ graph, types, reasons }, nodes.filter(canLower));
  if (plain) return plain;
  const both = ifsOf(nodes, (node) => bothBranches(types, node));
  for (const { outputs } of both.keys())
    for (const output of outputs) if (output) chosen.add(output.name);
  return both.size > 0 ? withoutIf(graph, types, both) : null;
}

/** Lowers composite nodes, and notes the reason for each that cannot be lowered. */
function lowered(
  { graph, types, reasons }: Omit<Lowering, "chosen">,
  nodes: readonly Node[],
): Patch | null {
  const attempt = (some: readonly Node[]): Patch | NotLowered => {
    try {
      return lowering(graph, types, some).patch;
    } catch (error) {
      if (error instanceof NotLowered) return error;
      throw error;
    }
  };
  const together = nodes.length > 0 ? attempt(nodes) : null;
  if (!(together instanceof NotLowered)) return together;
  const possible = nodes.filter((node) => {
    const alone = attempt([node]);
    if (alone instanceof NotLowered) reasons.set(called(node), alone.why);
    return !(alone instanceof NotLowered);
  });
  return possible.length > 0 ? lowering(graph, types, possible).patch : null;
}

function ifsOf<B extends NonNullable<unknown>>(
  nodes: readonly Node[],
  branchesOf: (node: Node) => B | null,
): ReadonlyMap<Node, B> {
  const branches = nodes.map((node) => [node, branchesOf(node)] as const);
  return new Map(branches.filter((entry): entry is readonly [Node, B] => entry[1] !== null));
}
