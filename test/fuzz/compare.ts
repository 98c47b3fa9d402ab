import { compare as compareModels, type Model, openModel } from "laurelize";
import ort from "onnxruntime-node";
import type { Case } from "./case.ts";
import type { Verdict } from "./examine.ts";
import { agreement } from "./independent.ts";

/** Compares a model with what it was before it was mutated. */
export async function compare(
  { before, bytes, seed }: Case,
  mutant: Model,
  phase: (name: string) => void,
): Promise<Verdict> {
  phase("compare");
  const { same, dims, apart } = await compareModels(await openModel(before), mutant, { ort });
  if (!same) return { outcome: apart ? "apart" : "different", finding: null, detail: apart ?? "" };
  phase("check");
  const agreed = await agreement(before, bytes, dims, seed);
  const finding = / (differs|overflows)$/.test(agreed) ? `a wrong "same": output ${agreed}` : null;
  return { outcome: `same, ${agreed}`, finding, detail: "" };
}
