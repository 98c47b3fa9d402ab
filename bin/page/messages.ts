import type { Check, LossName, OptionalKind, VariantName } from "../../src/index.ts";

/** Which residual sums are found. */
export interface SearchChoice {
  readonly also: readonly OptionalKind[];
  /** As --feature-axis takes it; empty if it is found. */
  readonly featureAxis: string;
}

/** What the page shows of an opened model. */
export interface OpenedModel {
  readonly name: string;
  readonly headline: string;
  readonly sums: string;
  /** Sites that can be chosen; `about` is "[N, 96, 12, 48], 96 features, stream 1". */
  readonly sites: readonly { readonly name: string; readonly about: string }[];
  readonly others: readonly Record<"name" | "op" | "reason", string>[];
  readonly ladder: string;
  readonly warnings: readonly string[];
  /** Whether it is laurelized already, so that it can be fine-tuned at once. */
  readonly isLaurelized: boolean;
  /** Why nothing can be inserted, a sentence; null if something can. */
  readonly obstacle: string | null;
  /** Whether it is a classifier of strips, as the bundled digits are. */
  readonly readsStrips: boolean;
}

/** What to insert, and where. */
export interface InsertChoice {
  readonly variant: VariantName;
  readonly rank: number | undefined;
  readonly lags: number | undefined;
  readonly sites: readonly string[];
}

/** A file to download. */
export interface Download {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A line of a proof. */
export interface ProofLine {
  readonly outcome: Check["outcome"];
  readonly name: string;
  readonly text: string;
  readonly details: readonly string[];
}

/** A laurelized model and its proof. */
export interface Rewritten {
  readonly summary: string;
  readonly passed: boolean;
  readonly proof: readonly ProofLine[];
  readonly warnings: readonly string[];
  readonly difference: string;
  /** Null if a check failed. */
  readonly file: Download | null;
}

/** Where examples come from. */
export type Examples =
  | { readonly from: "digits" }
  | { readonly from: "drawn"; readonly inks: readonly Float32Array[] }
  | {
      readonly from: "npz";
      readonly train: File;
      readonly held: File | null;
      readonly loss: LossName;
      readonly target: string | undefined;
      readonly batchSize: number | undefined;
    };

/** How to fine-tune. */
export interface TuningChoice {
  readonly examples: Examples;
  readonly epochs: number;
  readonly lr: number;
}

/** A fine-tuned model. */
export interface Tuned {
  readonly summary: string;
  readonly notes: readonly string[];
  readonly ladder: string;
  readonly model: Download;
  readonly adapter: Download;
}

/** What the model says about samples, before or after the training. */
export interface Answers {
  readonly when: "before" | "after";
  readonly samples: readonly SampleAnswer[];
}

/** A sample, what is expected of it, and what the model says. */
export interface SampleAnswer {
  /** Its picture, 0 for paper and 1 for ink; null if it has none. */
  readonly ink: Float32Array | null;
  readonly expected: string;
  readonly answer: string;
  /** Whether the answer is the expected one; null if that is not known. */
  readonly isRight: boolean | null;
}

/** What a call reports while it runs. */
export type WorkReport =
  | { readonly progress: number; readonly step: string }
  | { readonly step: number; readonly loss: number; readonly of: number | null }
  | { readonly evaluated: number; readonly loss: number }
  | { readonly ladder: string }
  | { readonly answers: Answers };

/** Says how far a call is. */
export type Reporting = (report: WorkReport) => void;

/** What the worker says: a report, a result, or why there is none. */
export type Reply = { readonly id: number } & (
  | { readonly report: WorkReport }
  | { readonly result: unknown }
  | { readonly error: string }
);
