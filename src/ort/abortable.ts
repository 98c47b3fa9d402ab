import type { Ort } from "./session.ts";

/** How a long call is watched and stopped. */
export interface Watching {
  /** Stops the call before its next session; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called before each step with how much is done, from 0 to 1. */
  readonly onProgress?: ((done: number, step: string) => void) | undefined;
}

/** onnxruntime that makes no session once a call is to stop. */
export function abortable(ort: Ort, signal: AbortSignal | undefined): Ort {
  if (!signal) return ort;
  const create = (model: string & Uint8Array, options?: object) => {
    signal.throwIfAborted();
    return ort.InferenceSession.create(model, options);
  };
  return { InferenceSession: { create }, Tensor: ort.Tensor, watch: ort.watch, signal };
}

/** Calls `onProgress`, if there is one, and throws if the call is to stop. */
export const stepper =
  ({ signal, onProgress }: Watching) =>
  (done: number, step: string): void => {
    signal?.throwIfAborted();
    onProgress?.(done, step);
  };
