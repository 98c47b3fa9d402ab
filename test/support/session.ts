import ort from "onnxruntime-node";

/** A session of one thread: further ones, waiting for work, would cost more than a small model. */
export const sessionOn = (
  model: Uint8Array | string,
  options: ort.InferenceSession.SessionOptions = {},
): Promise<ort.InferenceSession> =>
  ort.InferenceSession.create(model as Uint8Array, { intraOpNumThreads: 1, ...options });
