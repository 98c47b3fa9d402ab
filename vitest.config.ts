import { defineConfig } from "vitest/config";

// Tests that hold onnxruntime themselves send nothing home either.
export default defineConfig({ test: { env: { ORT_DISABLE_TELEMETRY: "1" } } });
