import type { Graph, Node, Scope, Types, Use, Value } from "../../src/graph/graph.ts";
import type { Paths } from "./paths.ts";
import type { Reason, ReasonCode } from "./reasons.ts";
import type { Recent } from "./recent.ts";
import type { Traits } from "./traits.ts";

/** One summand: its value, and the input slot that a rewrite redirects. */
export interface Term {
  readonly value: Value;
  readonly use: Use;
  /** What the sum multiplies it by: −1 for what is subtracted, 1/n in a mean; 1 if absent. */
  readonly factor?: number;
}

/** Returns a term that the sum multiplies by a further number. */
export const weighted = (term: Term, number = 1): Term =>
  number === 1 ? term : { ...term, factor: (term.factor ?? 1) * number };

/** Returns the values in these input slots of a node; absent ones are left out. */
export function termsAt(node: Node, slots: readonly number[] = [...node.inputs.keys()]): Term[] {
  const present = slots.filter((slot) => node.inputs[slot]);
  return present.map((index) => ({ value: node.inputs[index]!, use: { node, index } }));
}

/** Returns a sum in a form, whose value is the node's first output; null if that output is absent. */
export function sumOf(form: string, node: Node, terms: readonly Term[]): Sum | null {
  const [output] = node.outputs;
  return output ? { form, node, output, terms, place: 0, bias: null } : null;
}

/** A node that adds, as read by a form. */
export interface Sum {
  /** The form in which the node holds it. */
  readonly form: string;
  readonly node: Node;
  readonly terms: readonly Term[];
  /** The output: the sum itself if it is a value, otherwise the value computed from it. */
  readonly output: Value;
  /** Index of the output that is the sum itself, present or not. */
  readonly place: number;
  /** A bias that the node adds to the branch. */
  readonly bias: Term | null;
  /** Why nothing can be inserted before the sum; absent if it can. */
  readonly closed?: Reason;
  /** Set for nodes that are seldom residual connections: they are listed as sums only if they are. */
  readonly rare?: true;
}

/** Sums that are sites on request: x + x·gate, joins of two scales, and a skip that is the same for every input. */
export const OPTIONAL_KINDS = ["se", "merge", "constant"] as const;

/** A kind of sum that is a site only on request. */
export type OptionalKind = (typeof OPTIONAL_KINDS)[number];

/** How the skip reaches the sum, or which optional kind the sum is. */
export type Kind = "identity" | "scaled" | "projected" | "parallel" | "laurel" | OptionalKind;

/** The axis of the sum that holds the features, and their number. */
export interface Feature {
  readonly axis: number;
  readonly size: number;
}

/** A sum with one skip slot and one or more branch slots. */
export interface Site extends Pick<Sum, "node" | "output" | "place" | "bias"> {
  /** The sum's node name if it is unique, otherwise the name of the sum's value. */
  readonly name: string;
  /** The composite node that was lowered to reach the sum; null if the sum is plain. */
  readonly within: Node | null;
  readonly scope: Scope;
  readonly skip: Term;
  readonly branches: readonly Term[];
  readonly kind: Kind;
  readonly form: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
  readonly feature: Feature;
  /** Its name, or that of the site in another branch of an If that is the same layer. */
  readonly layer: string;
  /** Index of its stream, from 0, and its index in the stream. */
  readonly stream: number;
  readonly position: number;
  /** The previous site in its stream. */
  readonly previous: Site | null;
}

/** A sum that is not a site, with the reason, a clause for people. */
export interface Rejection extends Pick<Site, "node" | "within" | "output"> {
  readonly reason: string;
  readonly code: ReasonCode;
  /** Set if the sum would be a site when its kind is requested. */
  readonly kind: OptionalKind | null;
  /** Set if the sum has slots but no feature axis. */
  readonly axisless?: true;
}

/** Returns the rejection of a sum for a reason. */
export const rejection = (node: Node, output: Value, { text, code }: Reason): Rejection => ({
  ...{ node, within: null, output },
  ...{ reason: text, code, kind: null },
});

/** The types and constants of a graph. */
export interface KnownValues {
  readonly types: Types;
  /** Values that do not depend on any input's data. */
  readonly constants: ReadonlySet<Value>;
}

/** A graph with its types and constants. */
export interface KnownGraph extends KnownValues {
  readonly graph: Graph;
}

/**
 * A slice along an axis: its start, and whether it is a single position, such as a time step. A
 * start that the file does not state is represented by the value that holds it.
 */
export interface Part {
  readonly whole: Value;
  readonly axis: string;
  readonly at: number | Value;
  readonly single: boolean;
}

/** An origin of a skip operand, and the path from it. */
export interface Link {
  readonly value: Value;
  readonly kind: "identity" | "scaled" | "projected";
  readonly upsampled: boolean;
  /** The operand repeats positions of the value, or spreads a single one. */
  readonly repeated: boolean;
  /** The path passes learned weights that mix features. */
  readonly mixed: boolean;
  /** The path passes a maximum over windows, which is nonlinear. */
  readonly peaked: boolean;
  /** The slice of the value that the operand is, if it is smaller. */
  readonly part: Part | null;
}

/** A chain as far as it is known; null after its last link. */
export type Chain = (Link | null)[];

/** The input of the matcher. */
export interface Setting extends KnownValues {
  /** Classifies a node. */
  readonly traits: (node: Node) => Traits;
  /** Finds the paths between two values, to a node that reads the second; null if there are none. */
  readonly reach: { paths(from: Value, to: Value, limit: Node): Paths | null };
  /** Values whose shape does not show where their channels are. */
  readonly blocked: ReadonlySet<Value>;
  /** Values of which only the shape matters. */
  readonly onlySized: ReadonlySet<Value>;
  /** Values that a difference subtracts. */
  readonly subtracted: ReadonlySet<Value>;
  /** Skips with LAuReL from an earlier run: x_i by the value that the sum reads now. */
  readonly originals: ReadonlyMap<Value, Value>;
  /** The skip chains of the operands that were searched last. */
  readonly chains: Recent<Value, Chain>;
}

/** One site of an earlier insertion. */
export interface ManifestSite {
  readonly name: string;
  /** The sum's value. */
  readonly output: string;
  /** x_i, and the value that the sum's skip slot reads instead. */
  readonly skip: string;
  readonly augmented: string;
  /** Names of the new tensors by part and role: "lr.A". */
  readonly parameters: Readonly<Record<string, string>>;
}
