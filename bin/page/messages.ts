import type { LossName, OptionalKind, VariantName } from "../../src/index.ts";
import type { SampleAnswer } from "./answers.ts";

/** Which residual sums are found. */
export interface SearchChoice {
  readonly also: readonly OptionalKind[];
  /** As --feature-axis takes it; empty if it is found. */
  readonly featureAxis: string;
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

/** What the model says about samples, before or after the training. */
export interface Answers {
  readonly when: "before" | "after";
  readonly samples: readonly SampleAnswer[];
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
