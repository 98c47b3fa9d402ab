import { InputError, type Ort } from "../src/index.ts";

/** onnxruntime-web's wasm backend. Throws an InputError where it is not installed. */
export async function webRuntime(): Promise<Ort> {
  try {
    const web = await import("onnxruntime-web");
    web.env.wasm.numThreads = 1;
    return web;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new InputError(
      "--also-web needs onnxruntime-web, which is not installed; run npm install onnxruntime-web.",
    );
  }
}
