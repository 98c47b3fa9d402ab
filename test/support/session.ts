import ort from "onnxruntime-node";
import { isNightly } from "./sweep.ts";

/** A session of one thread: further ones, waiting for work, would cost more than a small model. */
export const sessionOn = (
  model: Uint8Array | string,
  options: ort.InferenceSession.SessionOptions = {},
): Promise<ort.InferenceSession> =>
  ort.InferenceSession.create(model as Uint8Array, { intraOpNumThreads: 1, ...options });

/**
 * The level of sessions for what does not depend on one: at night the highest, with onnxruntime's
 * own fusions; in `npm test` the lowest, which is created in a third of the time.
 */
export const graphOptimizationLevel = isNightly ? "all" : "disabled";

/** onnxruntime, which calls `watch` with the inputs of every run. */
export function watchedRuns(watch: (feeds: Record<string, ort.Tensor>) => void): typeof ort {
  const create = async (...given: Parameters<typeof ort.InferenceSession.create>) => {
    const session = await ort.InferenceSession.create(...given);
    const run = session.run.bind(session);
    session.run = ((feeds: Record<string, ort.Tensor>, ...rest: []) => {
      watch(feeds);
      return run(feeds, ...rest);
    }) as typeof session.run;
    return session;
  };
  return { ...ort, InferenceSession: { create } } as typeof ort;
}
