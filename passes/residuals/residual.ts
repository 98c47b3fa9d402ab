import type { Graph, Node, Scope, Use, Value } from "../../src/graph/graph.ts";
import type { Types } from "../../src/graph/types.ts";
import type { Reason, ReasonCode } from "./reasons.ts";

/** One summand: its value, and the input slot that a rewrite redirects. */
export interface Term {
  readonly value: Value;
  readonly use: Use;
}

/** A node that adds, as a form reads it. */
export interface Sum {
  readonly node: Node;
  readonly terms: readonly Term[];
  /** What the node makes of the sum: the sum itself where that is a value, else what goes on from it. */
  readonly output: Value;
  /** Which of the node's outputs is the sum itself, there or not. */
  readonly place: number;
  /** A bias that the node adds with the branch. */
  readonly bias: Term | null;
  /** Why nothing can be put between the operands and the sum, where nothing can. */
  readonly closed?: Reason;
}

/** A way in which a node holds a sum: one file each. */
export interface Form {
  readonly name: string;
  /** The sum this node holds; null where it holds none. */
  readonly sumOf: (node: Node) => Sum | null;
}

/** Sums that are left alone unless asked for: x + x·gate, joins of two scales, a skip without data. */
export const OPTIONAL_KINDS = ["se", "merge", "constant"] as const;

export type OptionalKind = (typeof OPTIONAL_KINDS)[number];

/** How the skip reaches the sum, or what else the sum is. */
export type Kind = "identity" | "scaled" | "projected" | "parallel" | "laurel" | OptionalKind;

/** The axis of the sum along which features lie, and their number. */
export interface Feature {
  readonly axis: number;
  readonly size: number;
}

/** A sum with one skip slot and one or more branch slots. */
export interface Site {
  /** The sum's node name where it has one of its own, else the name of the sum's value. */
  readonly name: string;
  readonly node: Node;
  /** The composite node of the model that was opened to get at the sum; null where it is plain. */
  readonly within: Node | null;
  readonly scope: Scope;
  /** The sum's value, or where it has none of its own, what its node makes of it. */
  readonly output: Value;
  /** Which of the node's outputs is the sum itself, there or not. */
  readonly place: number;
  readonly skip: Term;
  readonly branches: readonly Term[];
  /** A constant that belongs to the branch and that the node itself adds. */
  readonly bias: Term | null;
  readonly kind: Kind;
  readonly form: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
  readonly feature: Feature;
  /** Its name, or that of the site in another branch of an If that is the same layer. */
  readonly layer: string;
  /** Which stream it belongs to, from 0, and its place there. */
  readonly stream: number;
  readonly position: number;
  /** The site before it in its stream. */
  readonly previous: Site | null;
}

/** A sum that is no site, and why, in words for a person. */
export interface Rejection {
  readonly node: Node;
  /** The composite node that was opened to get at it; null where it is plain. */
  readonly within: Node | null;
  readonly output: Value;
  readonly reason: string;
  readonly code: ReasonCode;
  /** Set where the sum would be a site if its kind were asked for. */
  readonly kind: OptionalKind | null;
  /** Set if the sum has slots but no feature axis. */
  readonly axisless?: true;
}

/** What matching looks at. */
export interface Setting {
  readonly graph: Graph;
  readonly types: Types;
  /** Values that no input's data can change. */
  readonly constants: ReadonlySet<Value>;
  /** Values whose channels are not where their shape says. */
  readonly blocked: ReadonlySet<Value>;
  /** Skips that this tool augmented before: what the sum reads now → x_i. */
  readonly augmented: ReadonlyMap<Value, Value>;
}

/** One site as it was augmented. */
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
