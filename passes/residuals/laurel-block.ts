import type { Value } from "../../src/graph/graph.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { comesBy } from "./branch-of-x.ts";
import type { Link, Setting, Term } from "./residual.ts";
import { findLink } from "./skip-chain.ts";
import { takenOf } from "./written-out.ts";

/**
 * Whether a residual connection is LAuReL already. Either this tool inserted it, or its branch is a
 * low-rank map of x followed only by a norm, as in Gemma 3n: `n + RMSNorm(W_right(W_left n))`.
 */
export function isLaurel(
  setting: Setting,
  skip: Term,
  branches: readonly Term[],
  size: number,
): boolean {
  if (setting.originals.has(skip.value)) return true;
  if (branches.length !== 1) return false;
  const up = takenOf(setting, branches[0].value);
  const narrow = up && mapped(setting, up);
  const x = narrow && mapped(setting, narrow);
  if (!x) return false;
  const sizesOf = (value: Value) =>
    setting.types.get(value)?.shape?.filter((dim) => typeof dim === "number") ?? [];
  const wide = sizesOf(x);
  if (elements(sizesOf(narrow)) >= elements(wide) || !wide.includes(size)) return false;
  const leadsToX = ({ kind, value }: Link) => kind === "identity" && comesBy(setting, x, value);
  return findLink(setting, skip.value, leadsToX) !== undefined;
}

/** Returns the operand of a product with one learned weight, through layout; otherwise null. */
function mapped(setting: Setting, value: Value): Value | null {
  const isEnd = ({ kind, value: { producer } }: Link) =>
    kind !== "identity" || !producer || setting.traits(producer).mixer;
  const end = findLink(setting, value, isEnd);
  const node = end?.kind === "identity" && end.value.producer;
  if (!node || !setting.traits(node).projection) return null;
  return node.inputs.find((v) => v && !setting.constants.has(v)) ?? null;
}
