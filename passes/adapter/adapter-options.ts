import type { Options } from "../../src/options.ts";

/** Declarations of the options for how an adapter is put into its model. */
export const putting = {
  weights: {
    type: "string",
    choices: ["inside", "as-inputs", "as-optional-inputs"],
    default: "inside",
    describe:
      "store the adapter's weights in the model (inside), or make them its inputs, so that one session serves many adapters; optional inputs have them as defaults, which an .onnx_adapter overrides",
  },
} as const satisfies Options;

/** Declarations of the options for how an adapter is written. */
export const formatting = {
  format: {
    type: "string",
    choices: ["safetensors", "onnx_adapter"],
    describe:
      "format of the adapter: a .safetensors file, or an .onnx_adapter, which overrides optional inputs in onnxruntime  [default: by the output file's ending, or safetensors]",
  },
} as const satisfies Options;
