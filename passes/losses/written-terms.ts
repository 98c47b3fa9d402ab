/** A loss as a command line writes it: `OUTPUT=LOSS:TARGET*WEIGHT`, all but the loss optional. */
export interface WrittenTerm {
  readonly output: string | null;
  /** The name of a loss, or the path of an .onnx file. */
  readonly loss: string;
  readonly target: string | null;
  readonly weight: number | null;
}

const WRITTEN =
  /^(?:(?<output>[^=]+)=)?(?<loss>.+?\.onnx|[^:*=]+)(?::(?<target>[^*]+))?(?:\*(?<weight>[^*]+))?$/;

/** Parses a loss as a command line writes it; null if it is not written so. */
export function writtenTerm(text: string): WrittenTerm | null {
  const parts = WRITTEN.exec(text.trim())?.groups;
  if (!parts) return null;
  const { output = null, loss, target = null, weight } = parts;
  return { output, loss, target, weight: weight === undefined ? null : Number(weight) };
}

/** Returns the losses that an option names: one, or several as a command line writes them. */
export const lossNames = (given: unknown): string[] =>
  [given]
    .flat()
    .flatMap((term) => (typeof term === "string" ? [writtenTerm(term)?.loss ?? term] : []));
