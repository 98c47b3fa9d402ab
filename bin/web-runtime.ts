import { notInstalled } from "../src/errors.ts";
import type { Ort } from "../src/index.ts";

/**
 * Loads onnxruntime-web and binds its sessions to the wasm backend: loaded beside onnxruntime-node,
 * some builds share one registry of backends, in which node's comes first. Throws an InputError if
 * onnxruntime-web is not installed.
 */
export async function webRuntime(asking = "--also-web"): Promise<Ort> {
  const missing = `${asking} needs onnxruntime-web, which is not installed; run npm install onnxruntime-web.`;
  const web = await import("onnxruntime-web").catch(notInstalled(missing));
  web.env.wasm.numThreads = 1;
  const create = (model: string | Uint8Array, options: object = {}) =>
    web.InferenceSession.create(model as Uint8Array, { ...options, executionProviders: ["wasm"] });
  return { Tensor: web.Tensor, InferenceSession: { create } };
}
