import { type Options, SingleBar } from "cli-progress";
import { oneLine } from "./print.ts";
import { tell } from "./supervision.ts";

/** Milliseconds after which a step shows its progress. */
const LONG = 1000;

/** A bar on stderr that shows itself once something has taken a second, on a terminal only. */
export class Progress {
  #timer: NodeJS.Timeout | null;
  readonly #start = performance.now();
  #bar: SingleBar | null = null;
  #done = 0;
  #step = "";

  readonly #doing: string;

  constructor(wanted: boolean, doing: string) {
    this.#doing = doing;
    this.#timer = wanted && process.stderr.isTTY ? setTimeout(() => this.#show(), LONG) : null;
  }

  /** Notes how much is done, from 0 to 1, and what is being done. */
  readonly report = (done: number, step: string): void => {
    if (step !== this.#step) tell({ step });
    this.#done = done;
    this.#step = step;
    // The timer cannot fire while a step computes without a pause.
    if (this.#timer && !this.#bar && performance.now() - this.#start > LONG) this.#show();
    this.#bar?.update(Math.round(100 * done), { step });
  };

  /** Writes a line to stderr, in place of the bar if there is one. */
  note(text: string): void {
    process.stderr.write(`${this.#bar ? "\r\x1b[K" : ""}${oneLine(text)}\n`);
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#bar?.stop();
    this.#timer = null;
    this.#bar = null;
  }

  #show(): void {
    if (this.#bar) return;
    this.#bar = stderrBar(`${this.#doing} [{bar}] {percentage}% {step}`, 30);
    this.#bar.start(100, Math.round(100 * this.#done), { step: this.#step });
  }
}

/** Returns a bar on stderr that is gone when it is complete. */
export const stderrBar = (format: string, barsize: number, more: Options = {}): SingleBar =>
  new SingleBar({
    format,
    stream: process.stderr,
    clearOnComplete: true,
    barsize,
    // No signal handlers, no settings of the terminal that an interrupt would leave behind.
    gracefulExit: false,
    linewrap: true,
    ...more,
  });

/** Runs something with a progress bar, which is gone when it ends. */
export async function withProgress<T>(
  { quiet }: { readonly quiet: boolean },
  doing: string,
  run: (report: Progress["report"]) => Promise<T>,
): Promise<T> {
  const progress = new Progress(!quiet, doing);
  try {
    return await run(progress.report);
  } finally {
    progress.stop();
  }
}
