import type { Command } from "./supervise.ts";

/** The commands that run onnxruntime, by name. */
export const run = {
  laurelize: async () => (await import("./run-laurelize.ts")).runLaurelize,
  inspect: async () => (await import("./run-inspect.ts")).runInspect,
  compare: async () => (await import("./run-compare.ts")).runCompare,
  apply: async () => (await import("./run-apply.ts")).runApply,
  finetune: async () => (await import("./run-finetune.ts")).runFinetune,
} satisfies Record<Command, unknown>;
