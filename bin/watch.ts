import { SingleBar } from "cli-progress";
import type { Step } from "../src/index.ts";
import { EXIT } from "./exit.ts";
import type { FinetuneArguments } from "./finetune-arguments.ts";
import { tell } from "./supervision.ts";
import type { Epoch, History } from "./training.ts";

/** A training that has begun is not started again by itself. */
const ONCE =
  "nothing was written but the state after the last whole epoch; if there is one, --resume goes on from it.";

/** Loss and metrics as people read them. */
export const figures = ({
  loss,
  metrics,
}: {
  loss: number;
  metrics: Readonly<Record<string, number>>;
}) =>
  [["loss", loss] as const, ...Object.entries(metrics)]
    .map(([name, value]) => `${name} ${value.toPrecision(4)}`)
    .join(", ");

/** Shows how a training goes, on stderr, and hears Ctrl-C: the first ends it after the step at hand. */
export class Watch {
  interrupted = false;
  readonly #quiet: boolean;
  readonly #epochs: number;
  readonly #bar: SingleBar | null;
  #started = false;

  constructor({ quiet, epochs }: FinetuneArguments, { epochs: done, before }: History) {
    this.#quiet = quiet;
    this.#epochs = epochs;
    this.#bar =
      quiet || !process.stderr.isTTY
        ? null
        : new SingleBar({
            format: "epoch {epoch} [{bar}] {value}/{total} steps, {eta_formatted} left, {figures}",
            stream: process.stderr,
            clearOnComplete: true,
            barsize: 16,
            gracefulExit: false,
            linewrap: true,
            etaBuffer: 100,
          });
    process.on("SIGINT", this.#onSignal);
    process.on("message", this.#onMessage);
    tell({ hearsInterrupts: true });
    if (done.length > 0) this.#say(`going on after epoch ${done.length}`);
    if (before) this.#say(`before: ${figures(before)}`);
  }

  readonly step = (step: Step, epoch: number, of: number): void => {
    const total = of * this.#epochs;
    const shown = { epoch: `${epoch}/${this.#epochs}`, figures: figures(step) };
    if (!this.#started) tell({ once: ONCE });
    if (!this.#started) this.#bar?.start(total, step.step, shown);
    else this.#bar?.update(step.step, shown);
    this.#started = true;
  };

  readonly epoch = ({ epoch, train, eval: held }: Epoch): void => {
    const text = `epoch ${epoch}/${this.#epochs}: ${figures(train)}${held ? `; eval ${figures(held)}` : ""}`;
    this.#say(text);
  };

  /** Takes the bar away and stops listening. */
  stop(): void {
    this.#bar?.stop();
    tell({ hearsInterrupts: false });
    process.off("SIGINT", this.#onSignal);
    process.off("message", this.#onMessage);
  }

  #say(text: string): void {
    if (!this.#quiet) process.stderr.write(`${this.#bar ? "\r\x1b[K" : ""}${text}\n`);
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
    if (this.interrupted) process.exit(EXIT.interrupted);
    this.interrupted = true;
    this.#say(
      "stopping after this step; Ctrl-C again stops at once and keeps the last epoch's state",
    );
  }
}
