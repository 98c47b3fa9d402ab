import type { InferenceSession, Tensor, TensorConstructor } from "onnxruntime-common";

/** What this project needs of onnxruntime: `import * as ort from "onnxruntime-node"` or "-web". */
export interface Ort {
  readonly InferenceSession: {
    create(model: string, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: TensorConstructor;
}

/** A model that onnxruntime can load: its bytes, or its path; and the folder of its external data. */
export interface Runnable {
  readonly model: Uint8Array | string;
  readonly folder?: string | undefined;
}

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Runs `work` with a session on the model and lets the session go. Nothing is logged. */
export async function withSession<T>(
  ort: Ort,
  { model, folder }: Runnable,
  level: "disabled" | "all",
  work: (session: InferenceSession) => Promise<T>,
): Promise<T> {
  const options: InferenceSession.SessionOptions = {
    graphOptimizationLevel: level,
    logSeverityLevel: 4,
    intraOpNumThreads: 0,
    ...(folder === undefined
      ? {}
      : { extra: { session: { model_external_initializers_file_folder_path: folder } } }),
  };
  const session =
    typeof model === "string"
      ? await ort.InferenceSession.create(model, options)
      : await ort.InferenceSession.create(model, options);
  try {
    return await work(session);
  } finally {
    await session.release();
  }
}

/** The first line of what onnxruntime says, without its codes. */
export function reason(error: unknown): string {
  const text = String((error as Error)?.message ?? error);
  return text
    .replace(/^(Error: )?/, "")
    .replace(/\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : /, "")
    .split("\n")[0]
    .slice(0, 300);
}
