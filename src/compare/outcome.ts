/** What a check came to, with its figures. One that did not run has neither passed nor failed. */
export type Outcome<Figures = object> =
  | ({ readonly outcome: "passed" | "failed" } & Figures)
  | NotRun;

/** A check that could not be made, and why. */
export interface NotRun {
  readonly outcome: "not run";
  /** A clause for a person: "the model does not run on the CPU (…)". */
  readonly reason: string;
}

/** The outcome of a check that was made. */
export const ran = <Figures>(passed: boolean, figures: Figures): Outcome<Figures> => ({
  outcome: passed ? "passed" : "failed",
  ...figures,
});

/** The outcome of a check that could not be made. */
export const notRun = (reason: string): NotRun => ({ outcome: "not run", reason });
