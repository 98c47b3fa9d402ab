import { defineConfig } from "vitest/config";
import { WASM_FLAGS } from "./test/support/wasm-flags.ts";

// Node itself imports the built package. Tests that hold onnxruntime themselves send nothing home
// either. Sweeps are whole at night.
export default defineConfig(({ mode }) => ({
  test: {
    server: { deps: { external: [/\/dist\//] } },
    execArgv: WASM_FLAGS,
    env: { ORT_DISABLE_TELEMETRY: "1", LAURELIZE_SWEEPS: mode === "nightly" ? "whole" : "" },
  },
}));
