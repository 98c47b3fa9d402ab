import { checkArgument } from "../../src/arguments.ts";
import type { FitResult } from "./fit.ts";
import type { Best, History } from "./history.ts";

/** A training as plain data, which JSON can express. */
export interface TrainingJson
  extends Pick<FitResult, "stopped" | "error" | "advice">,
    Omit<History, "steps"> {
  /** What a user should know of how the loss is computed, a sentence each. */
  readonly notes: readonly string[];
  /** The best epoch: its loss, and the figure that chose it if that is another. */
  readonly best: Pick<Best, "epoch" | "loss"> & { readonly by?: string; readonly value?: number };
  readonly steps: number;
}

/** Returns a training as plain data: why it stopped, its epochs and the best of them. */
export function trainingJson(result: FitResult): TrainingJson {
  const fits = typeof result === "object" && result !== null && "history" in result;
  checkArgument("trainingJson", result, fits, "a result of fit");
  const { stopped, error, advice, best, history, settings, plan } = result;
  const { before, epochs, steps } = history;
  const { epoch, loss, value } = best;
  const by = String(settings.firm.best);
  return {
    notes: plan.notes,
    stopped,
    error,
    advice,
    best: { epoch, loss, ...(by === "loss" ? {} : { by, value }) },
    before,
    epochs,
    steps: steps.length,
  };
}
