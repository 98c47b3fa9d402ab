import type { SingleBar } from "cli-progress";
import type { Epoch, EpochStep, FitStart } from "../src/index.ts";
import type { FinetuneArguments } from "./commands/finetune.ts";
import { EXIT } from "./exit.ts";
import { printEvent } from "./json.ts";
import { oneLine } from "./print.ts";
import { stderrBar } from "./progress.ts";
import { tell } from "./supervision.ts";

/** A training that has begun is not started again by itself. */
const ONCE =
  "nothing was written except the checkpoint of the last complete epoch, if there is one; --resume continues from it.";

const FORMAT = "epoch {epoch} [{bar}] {value}/{total} steps, {eta_formatted} left, {figures}";

/** Loss and metrics as people read them. */
export const figures = ({ loss, metrics }: Pick<EpochStep, "loss" | "metrics">): string =>
  [["loss", loss] as const, ...Object.entries(metrics)]
    .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
    .join(", ");

/** Shows the progress of a training on stderr; the first Ctrl-C stops it after the current step. */
export class Monitor {
  readonly #stop = new AbortController();
  readonly #quiet: boolean;
  readonly #epochs: number;
  readonly #bar: SingleBar | null;
  #started = false;
  #total = 0;

  constructor({ quiet, epochs }: Pick<FinetuneArguments, "quiet" | "epochs">) {
    this.#quiet = quiet;
    this.#epochs = epochs;
    this.#bar = quiet || !process.stderr.isTTY ? null : stderrBar(FORMAT, 16, { etaBuffer: 100 });
  }

  /** Aborted by the first Ctrl-C. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  readonly start = ({ stepsPerEpoch, history: { epochs, before } }: FitStart): void => {
    printEvent({ event: "start", epochs: this.#epochs, stepsPerEpoch, before });
    this.#total = (stepsPerEpoch ?? 0) * this.#epochs;
    tell({ step: "training" });
    process.on("SIGINT", this.#onSignal);
    process.on("message", this.#onMessage);
    tell({ hearsInterrupts: true });
    if (epochs.length > 0) this.#say(`continuing after epoch ${epochs.length}`);
    if (before) this.#say(`before: ${figures(before)}`);
  };

  readonly step = (step: EpochStep): void => {
    printEvent({ event: "step", ...step });
    const shown = { epoch: `${step.epoch}/${this.#epochs}`, figures: figures(step) };
    if (!this.#started) tell({ once: ONCE });
    if (!this.#started) this.#bar?.start(this.#total, step.step, shown);
    else this.#bar?.update(step.step, shown);
    this.#started = true;
  };

  readonly epoch = ({ epoch, step, train, eval: held }: Epoch): void => {
    printEvent({ event: "epoch", epoch, step, train, eval: held });
    const text = `epoch ${epoch}/${this.#epochs}: ${figures(train)}${held ? `; eval ${figures(held)}` : ""}`;
    this.#say(text);
  };

  stop(): void {
    this.#bar?.stop();
    tell({ hearsInterrupts: false });
    process.off("SIGINT", this.#onSignal);
    process.off("message", this.#onMessage);
  }

  #say(text: string): void {
    if (!this.#quiet) process.stderr.write(`${this.#bar ? "\r\x1b[K" : ""}${oneLine(text)}\n`);
  }

  /** A terminal sends Ctrl-C to this process and to its parent, which sends a message for it. */
  #signals = 0;
  #messages = 0;
  readonly #onSignal = (): void => {
    if (++this.#signals > this.#messages) this.#interrupt();
  };
  readonly #onMessage = (): void => {
    if (++this.#messages > this.#signals) this.#interrupt();
  };

  #interrupt(): void {
    if (this.signal.aborted) process.exit(EXIT.interrupted);
    this.#stop.abort();
    this.#say(
      "stopping after this step; Ctrl-C again stops at once and keeps the last epoch's state",
    );
  }
}
