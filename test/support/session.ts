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
