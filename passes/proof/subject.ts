import type { Graph } from "../../src/graph/graph.ts";
import type { Ort } from "../../src/ort/session.ts";
import type { Plan } from "../laurelize/plan.ts";

/** A result that is proved: its original, what was inserted, and what runs both. */
export interface Subject {
  readonly ort: Ort;
  readonly original: Graph;
  readonly result: Graph;
  readonly plan: Plan;
}
