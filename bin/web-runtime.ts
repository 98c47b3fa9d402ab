import { InputError, type Ort } from "../src/index.ts";

/**
 * Loads onnxruntime-web and binds its sessions to the wasm backend: loaded beside onnxruntime-node,
 * some builds share one registry of backends, in which node's comes first. Throws an InputError if
 * onnxruntime-web is not installed.
 */
export async function webRuntime(asking = "--also-web"): Promise<Ort> {
  try {
    const web = await import("onnxruntime-web");
    web.env.wasm.numThreads = 1;
    return {
      Tensor: web.Tensor,
      InferenceSession: {
        create: (model: string | Uint8Array, options: object = {}) =>
          web.InferenceSession.create(model as Uint8Array, {
            ...options,
            executionProviders: ["wasm"],
          }),
      },
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new InputError(
      `${asking} needs onnxruntime-web, which is not installed; run npm install onnxruntime-web.`,
    );
  }
}
