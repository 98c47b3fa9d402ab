import type { Node } from "../../src/graph/graph.ts";
import type { Reach } from "./reach.ts";
import type { Setting, Term } from "./residual.ts";

/** One term tried as the skip, and the others of its sum. */
export interface Trial {
  readonly setting: Setting;
  readonly reach: Reach;
  readonly node: Node;
  readonly skip: Term;
  readonly others: readonly Term[];
}
