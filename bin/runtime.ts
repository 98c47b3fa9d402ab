import { InputError, type Ort } from "../src/index.ts";
import { chooseProvider, type Provider, sessionOptions } from "./provider.ts";
import { ceiling, tell } from "./supervision.ts";

const runtime = await loaded();

/** onnxruntime-node, whose sessions the parent process hears of. */
export const ort: Ort = {
  InferenceSession: runtime.InferenceSession,
  Tensor: runtime.Tensor,
  get sessionOptions() {
    return { ...sessionOptions(), graphOptimizationLevel: ceiling() };
  },
  watch: (model, level) => tell({ session: { model, level } }),
};

/** Chooses where models run. Throws an InputError if the installed onnxruntime cannot run them there. */
export const runOn = (provider: Provider) => chooseProvider(provider, runtime);

/** onnxruntime-node, an optional dependency. Throws an InputError that says how to get it. */
async function loaded() {
  try {
    return (await import("onnxruntime-node")).default;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === "ERR_MODULE_NOT_FOUND"
        ? "is not installed"
        : `cannot be loaded (${message.split("\n")[0].replace(/\.$/, "")})`;
    throw new InputError(
      `onnxruntime-node, which runs the models, ${why}; run ONNXRUNTIME_NODE_INSTALL=skip npm i onnxruntime-node where laurelize is installed (with -g if it is global; npx: ONNXRUNTIME_NODE_INSTALL=skip npx -p laurelize -p onnxruntime-node laurelize).`,
    );
  }
}
