import type { Reply, Reporting } from "./messages.ts";
import type { ModelWork } from "./model-work.ts";

/** Thrown by a call that was cancelled. */
export class CancelledError extends Error {}

type WorkName = keyof ModelWork;

type Result<Name extends WorkName> = Awaited<ReturnType<ModelWork[Name]>>;

type CallArguments<Name extends WorkName> = ModelWork[Name] extends (
  report: Reporting,
  ...args: infer Args
) => unknown
  ? Args
  : never;

/** What the worker is asked. */
export interface Question<Name extends WorkName = WorkName> {
  readonly id: number;
  readonly name: Name;
  readonly args: CallArguments<Name>;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onReport: Reporting;
}

/**
 * Calls the worker. A call can be cancelled at any time: the worker is ended, and the next one
 * opens the same model again.
 */
export class Engine {
  #worker = this.#started();
  #next = 1;
  readonly #waiting = new Map<number, Waiting>();
  /** The opened model, and the call that opens it in this worker. */
  #model: CallArguments<"open"> | null = null;
  #opening: Promise<Result<"open">> | null = null;

  /** Opens a model; ends what was running. */
  async open(model: CallArguments<"open">, onReport: Reporting): Promise<Result<"open">> {
    if (this.#waiting.size > 0) this.cancel();
    this.#model = model;
    this.#opening = this.#ask("open", model, onReport);
    return this.#opening;
  }

  /** Calls the worker for the opened model. */
  async call<Name extends WorkName>(
    name: Name,
    args: CallArguments<Name>,
    onReport: Reporting = () => {},
  ): Promise<Result<Name>> {
    if (this.#model) this.#opening ??= this.#ask("open", this.#model, onReport);
    await this.#opening;
    return this.#ask(name, args, onReport);
  }

  cancel(): void {
    this.#end(new CancelledError("cancelled"));
  }

  #ask<Name extends WorkName>(
    name: Name,
    args: CallArguments<Name>,
    onReport: Reporting,
  ): Promise<Result<Name>> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject, onReport });
      const question: Question<Name> = { id, name, args };
      this.#worker.postMessage(question);
    });
  }

  #started(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      const why = event.message ? ` (${event.message})` : "";
      this.#end(
        new Error(`the browser ended the work${why}; use the command line for this model.`),
      );
    };
    return worker;
  }

  #take(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ("report" in reply) {
      waiting.onReport(reply.report);
      return;
    }
    this.#waiting.delete(reply.id);
    if ("error" in reply) waiting.reject(new Error(reply.error));
    else waiting.resolve(reply.result);
  }

  #end(error: Error): void {
    this.#worker.terminate();
    const cancelled = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#opening = null;
    this.#worker = this.#started();
    for (const { reject } of cancelled) reject(error);
  }
}
