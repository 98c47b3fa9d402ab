import type { Laurelized } from "../src/index.ts";
import { addedWeights, counted } from "./text.ts";

/** How many parameters were added, in all and site by site. */
export function parameters({ plan, original }: Pick<Laurelized, "plan" | "original">) {
  const seen = new Set<unknown>();
  const sizes = plan.sites.map(({ site, parameters: tensors }) => {
    const own = Object.values(tensors).filter((tensor) => !seen.has(tensor));
    for (const tensor of own) seen.add(tensor);
    const added = own.reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b, 1), 0);
    return [site.name, added] as const;
  });
  const added = sizes.reduce((sum, [, size]) => sum + size, 0);
  const model = original.weights;
  return { added, model, percent: (100 * added) / model, perSite: Object.fromEntries(sizes) };
}

/** "rw+lr, rank 16: 4,238 new weights (+3.17 %)". */
export function insertedLine(laurel: Laurelized): string {
  const { plan, found } = laurel;
  const { added, percent } = parameters(laurel);
  const { rank, paMap } = plan.options;
  const has = (name: string) => plan.parts.some((part) => part.name === name);
  const ranked = has("lr") || (has("pa") && paMap === "low-rank") ? `, rank ${rank}` : "";
  const some =
    plan.sites.length < found.sites.length ? ` at ${counted(plan.sites.length, "site")}` : "";
  return `${plan.variant}${ranked}${some}: ${addedWeights(added, percent)}`;
}
