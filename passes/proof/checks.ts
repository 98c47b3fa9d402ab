import { flag, object } from "../../src/arguments.ts";
import type { Outcome } from "../../src/compare/outcome.ts";
import type { FunctionReport } from "../../src/compare/outputs.ts";
import type { Declared } from "../../src/options.ts";
import type { Ort } from "../../src/ort/session.ts";
import { type RunOptions, runOptions } from "../../src/samples/samples.ts";
import type { FormulaReport } from "./formula.ts";
import type { LearningReport } from "./learning.ts";
import type { LoweringReport } from "./lowering-check.ts";
import type { Sample } from "./sample.ts";
import type { SiteReport } from "./site-check.ts";
import type { UnchangedReport } from "./unchanged.ts";

type Named<Name extends string, Figures> = { readonly name: Name } & Outcome<Figures>;

/** A property of a result: whether it holds and the figures behind it, or why it was not checked. */
export type Check =
  | Named<
      "same function",
      FunctionReport & {
        /** Sizes chosen for free dimensions. */
        readonly dims: Readonly<Record<string, number>>;
      }
    >
  | Named<"same sum at each site", { readonly sites: readonly SiteReport[] }>
  | Named<"same when lowered", LoweringReport>
  | Named<"right formula", { readonly sites: readonly FormulaReport[] }>
  | Named<"nothing else changed", UnchangedReport>
  | Named<"it can learn", LearningReport>
  | Named<"a second opinion", FunctionReport>;

/** The checks of a proof, and whether they passed. */
export interface Proof {
  /** Every check ran and passed. */
  readonly passed: boolean;
  readonly checks: readonly Check[];
  /** What the proof does not cover because only sites were proved, a clause for people; otherwise null. */
  readonly leftOut: string | null;
  /** The sample of sites that the checks of single sites ran on; null if they ran on each. */
  readonly sample: Sample | null;
}

/** How to prove. */
export interface ProofOptions extends RunOptions {
  /**
   * "sites" runs each site alone on random operands, and no whole model: for models larger than the
   * memory. Then `feeds` and `allSites` have no effect, and `alsoOrt` is refused.
   */
  readonly extent?: "full" | "sites" | undefined;
  /** Check every site of a model with hundreds of them, instead of a seeded sample. */
  readonly allSites?: boolean | undefined;
  /** Another onnxruntime, under which the same-function check is repeated. */
  readonly alsoOrt?: Ort | undefined;
}

/** The options of a proof, as they are checked. */
export const proving: Declared<ProofOptions> = {
  ...runOptions,
  extent: { type: "string", choices: ["full", "sites"] },
  allSites: flag,
  alsoOrt: object,
};
