/**
 * Turns onnxruntime's telemetry off in this process and its children, unless the user has set the
 * variable. Builds from 1.30 for Linux and macOS otherwise store a device identifier below ~/.cache,
 * write .ses and mat-debug-<pid>.log into the temporary folder, and upload events. They read the
 * variable when the first session is made; "1" and "true" turn the telemetry off, "0" and "" do not.
 */
export function turnOffTelemetry(env: NodeJS.ProcessEnv = process.env): void {
  env.ORT_DISABLE_TELEMETRY ??= "1";
}
