import type { Laurelized } from "../src/index.ts";
import { addedWeights } from "../src/internal.ts";
import { addedText, counted } from "./text.ts";

/** Returns "rw+lr, rank 16: 4,238 new weights (+3.17 %)". */
export function insertedLine(laurel: Laurelized): string {
  const { plan, found } = laurel;
  const { added, percent } = addedWeights(laurel);
  const { rank, paMap } = plan.options;
  const has = (name: string) => plan.parts.some((part) => part.name === name);
  const ranked = has("lr") || (has("pa") && paMap === "low-rank") ? `, rank ${rank}` : "";
  const some =
    plan.sites.length < found.sites.length ? ` at ${counted(plan.sites.length, "site")}` : "";
  return `${plan.variant}${ranked}${some}: ${addedText(added, percent)}`;
}
