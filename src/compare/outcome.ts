/** The outcome of a check, with figures. A check that did not run has not passed or failed. */
export type Outcome<Figures = object> =
  | ({ readonly outcome: "passed" | "failed" } & Figures)
  | NotRun;

/** A check that did not run, and why. */
export interface NotRun {
  readonly outcome: "not run";
  /** A clause for people: "the model does not run on the CPU (…)". */
  readonly reason: string;
}

/** Returns the outcome of a check that ran. */
export const ran = <Figures>(passed: boolean, figures: Figures): Outcome<Figures> => ({
  outcome: passed ? "passed" : "failed",
  ...figures,
});

/** Returns the outcome of a check that did not run. */
export const notRun = (reason: string): NotRun => ({ outcome: "not run", reason });
