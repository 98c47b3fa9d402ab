/** What is to be said of a model and where it is to run. */
export interface TargetFinding {
  readonly code:
    | "file-too-large"
    | "data-too-large"
    | "total-too-large"
    | "weight-too-large"
    | "int64-values"
    | "boundary-type"
    | "data-in-body";
  /** "fails": it does not run there. "limits": it may not, or not everywhere. "note": it runs. */
  readonly weight: "fails" | "limits" | "note";
  /** A sentence for a person. */
  readonly text: string;
}
