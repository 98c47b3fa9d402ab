import type { InferenceSession } from "onnxruntime-common";
import type { Model } from "../../src/model.ts";
import { runnable } from "../../src/ort/loading.ts";
import { type Ort, openSession, type Tensors } from "../../src/ort/session.ts";

/** A model for batches of one size, and the names of what goes in and comes out. */
export interface Sized<Ports> {
  readonly model: Model;
  readonly ports: Ports;
}

/** A session with the names of what goes in and comes out. */
export interface Prepared<Ports> {
  readonly session: InferenceSession;
  readonly ports: Ports;
}

/** Sessions for batches of each type and size, made when one first comes. */
export class SessionsBySize<Ports> {
  readonly #known = new Map<string, Promise<Prepared<Ports>>>();
  readonly #make: (fed: Tensors) => Promise<Sized<Ports>>;
  readonly #ort: Ort;
  readonly #threads: number;

  constructor(ort: Ort, threads: number, make: (fed: Tensors) => Promise<Sized<Ports>>) {
    this.#ort = ort;
    this.#threads = threads;
    this.#make = make;
  }

  /** The session for tensors of these types and sizes. */
  of(fed: Tensors): Promise<Prepared<Ports>> {
    const key = JSON.stringify(
      Object.entries(fed).map(([name, { type, dims }]) => [name, type, dims]),
    );
    const prepared = this.#known.get(key) ?? this.#prepare(fed);
    this.#known.set(key, prepared);
    prepared.catch(() => this.#known.delete(key));
    return prepared;
  }

  async #prepare(fed: Tensors): Promise<Prepared<Ports>> {
    const { model, ports } = await this.#make(fed);
    // With a memory pattern, a step takes half as much memory again and is not faster.
    const session = await openSession(this.#ort, runnable(model.file), "all", {
      threads: this.#threads,
      enableMemPattern: false,
    });
    return { session, ports };
  }

  /** Releases all sessions. */
  async close(): Promise<void> {
    const sessions = [...this.#known.values()];
    this.#known.clear();
    for (const { session } of await Promise.all(sessions)) await session.release();
  }
}
