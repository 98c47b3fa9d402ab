import { defineConfig } from "vitest/config";

// Tests that hold onnxruntime themselves send nothing home either. Sweeps are whole at night.
export default defineConfig(({ mode }) => ({
  test: {
    env: { ORT_DISABLE_TELEMETRY: "1", LAURELIZE_SWEEPS: mode === "nightly" ? "whole" : "" },
  },
}));
