import type { Ort } from "./session.ts";

/** Options to watch and stop a long call. */
export interface Watching {
  /** Stops the call before its next session; the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called before each step with the progress, from 0 to 1. */
  readonly onProgress?: ((done: number, step: string) => void) | undefined;
}

/** Wraps onnxruntime so that it creates no more sessions after an abort. */
export function abortable(ort: Ort, signal: AbortSignal | undefined): Ort {
  if (!signal) return ort;
  const create = (model: string & Uint8Array, options?: object) => {
    signal.throwIfAborted();
    return ort.InferenceSession.create(model, options);
  };
  return { ...ort, InferenceSession: { create }, signal };
}

/** Returns what a call gives; after an abort, throws the signal's reason whatever the call made of it. */
export async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  call: Promise<T>,
): Promise<T> {
  try {
    return await call;
  } finally {
    signal?.throwIfAborted();
  }
}

/** Reports progress, and throws if the call was aborted. */
export const stepper =
  ({ signal, onProgress }: Watching) =>
  (done: number, step: string): void => {
    signal?.throwIfAborted();
    onProgress?.(done, step);
  };
