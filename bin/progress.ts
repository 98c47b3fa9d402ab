import { SingleBar } from "cli-progress";
import { tell } from "./supervision.ts";

/** A bar on stderr that shows itself once something has taken a second, on a terminal only. */
export class Progress {
  readonly #timer: NodeJS.Timeout | null;
  #bar: SingleBar | null = null;
  #done = 0;
  #step = "";

  readonly #doing: string;

  constructor(wanted: boolean, doing = "proving") {
    this.#doing = doing;
    this.#timer = wanted && process.stderr.isTTY ? setTimeout(() => this.#show(), 1000) : null;
  }

  /** Notes how much is done, from 0 to 1, and what is being done. */
  readonly report = (done: number, step: string): void => {
    if (step !== this.#step) tell({ step });
    this.#done = done;
    this.#step = step;
    this.#bar?.update(Math.round(100 * done), { step });
  };

  /** Takes the bar away. */
  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#bar?.stop();
  }

  #show(): void {
    this.#bar = new SingleBar({
      format: `${this.#doing} [{bar}] {percentage}% {step}`,
      stream: process.stderr,
      clearOnComplete: true,
      barsize: 30,
      // No signal handlers, no settings of the terminal that an interrupt would leave behind.
      gracefulExit: false,
      linewrap: true,
    });
    this.#bar.start(100, Math.round(100 * this.#done), { step: this.#step });
  }
}
