import { freeMemory } from "#node";
import { checkModel } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { bytes } from "../../src/figures.ts";
import type { Model } from "../../src/model.ts";
import { allTensors } from "../../src/onnx/all-tensors.ts";
import { bytesOfTensors } from "../../src/onnx/external.ts";

/** What a full proof needs beside the weights: Node, onnxruntime, a small model's values. */
const BESIDE = 200e6;
/** Bytes that onnxruntime needs per byte of weights; 1.15 measured on 1.6 GB. */
const PER_BYTE = 1.2;

/** Memory of a full proof, in bytes. */
export interface ProofMemory {
  /** Estimated peak, one model at a time, without a model's own values. */
  readonly needed: number;
  /** Available memory; null if it is unknown. */
  readonly free: number | null;
}

/** Estimates how much memory a full proof of a model needs. Loads no weights. */
export function proofMemory(model: Model): ProofMemory {
  checkModel("proofMemory", model);
  const weights = bytesOfTensors(allTensors(model.file));
  return { needed: Math.round(BESIDE + PER_BYTE * weights), free: freeMemory() };
}

const fits = ({ needed, free }: ProofMemory) => free === null || needed <= free;

/** Whether onnxruntime can load the whole model here. */
export const fitsIntoMemory = (model: Model): boolean => fits(proofMemory(model));

/** Throws an InputError if a full proof does not fit into memory. */
export function checkMemory(model: Model): ProofMemory {
  const memory = proofMemory(model);
  if (!fits(memory))
    throw new InputError(
      `proving ${model.file.source.name} runs the whole model, which takes about ${bytes(memory.needed)} of memory, but only ${bytes(memory.free ?? 0)} are free; pass --prove sites (extent: "sites"), which runs each residual connection alone.`,
    );
  return memory;
}
