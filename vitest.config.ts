import { defineConfig } from "vitest/config";
import { ENGINE_FLAGS } from "./test/support/engine-flags.ts";

// Node itself imports the built package. Tests that hold onnxruntime themselves send nothing home
// either. Sweeps are whole at night.
export default defineConfig(({ mode }) => ({
  test: {
    server: { deps: { external: [/\/dist\//] } },
    execArgv: ENGINE_FLAGS,
    globalSetup: "test/support/run-folder.ts",
    env: { ORT_DISABLE_TELEMETRY: "1", LAURELIZE_SWEEPS: mode === "nightly" ? "whole" : "" },
  },
}));
