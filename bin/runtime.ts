import runtime from "onnxruntime-node";
import type { Ort } from "../src/index.ts";
import { ceiling, tell } from "./supervision.ts";

/** onnxruntime-node, whose sessions the parent process hears of. */
export const ort: Ort = {
  InferenceSession: runtime.InferenceSession,
  Tensor: runtime.Tensor,
  watch: { ceiling: ceiling(), session: (model, level) => tell({ session: { model, level } }) },
};
