import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as web from "onnxruntime-web/wasm";
import type { Ort } from "../../src/index.ts";

// One thread needs no cross-origin isolation, which static servers rarely offer.
web.env.wasm.numThreads = 1;
web.env.wasm.wasmPaths = { wasm: new URL(wasm, self.location.href).href };
web.env.logLevel = "error";

/** Lets messages in: a run of a session occupies the worker until it ends. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

/** Creates a session that lets messages in before each run. */
async function create(model: string | Uint8Array, options = {}) {
  await turn();
  const session = await web.InferenceSession.create(model as Uint8Array, options);
  const run = session.run.bind(session) as (...args: unknown[]) => ReturnType<typeof session.run>;
  session.run = async (...args: unknown[]) => {
    await turn();
    return run(...args);
  };
  return session;
}

/** onnxruntime-web on one thread. */
export const pageRuntime: Ort = { InferenceSession: { create }, Tensor: web.Tensor };

/** Loads onnxruntime's wasm file before it is needed. Errors show when a model is opened. */
export const warmUp = (): Promise<unknown> =>
  web.InferenceSession.create(new Uint8Array()).catch(() => {});
