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

/** Opens a session for a model. */
export async function prepared<Ports>(
  ort: Ort,
  threads: number,
  { model, ports }: Sized<Ports>,
): Promise<Prepared<Ports>> {
  // With a memory pattern, a step takes half as much memory again and is not faster.
  const how = { threads, enableMemPattern: false };
  return { session: await openSession(ort, runnable(model.file), "all", how), ports };
}

/** Sessions for batches of each type and size. */
export type SessionsBySize<Ports> = ReturnType<typeof sessionsBySize<Ports>>;

/** Returns sessions for batches of each type and size, made when one first comes. */
export function sessionsBySize<Ports>(
  ort: Ort,
  threads: number,
  make: (fed: Tensors) => Promise<Sized<Ports>>,
) {
  const known = new Map<string, Promise<Prepared<Ports>>>();
  const prepare = async (fed: Tensors) => prepared(ort, threads, await make(fed));
  return {
    /** Returns the session for tensors of these types and sizes. */
    of(fed: Tensors): Promise<Prepared<Ports>> {
      const sizes = Object.entries(fed).map(([name, { type, dims }]) => [name, type, dims]);
      const key = JSON.stringify(sizes);
      const prepared = known.get(key) ?? prepare(fed);
      known.set(key, prepared);
      prepared.catch(() => known.delete(key));
      return prepared;
    },
    /** Releases all sessions. */
    async close(): Promise<void> {
      const sessions = [...known.values()];
      known.clear();
      for (const { session } of await Promise.all(sessions)) await session.release();
    },
  };
}
