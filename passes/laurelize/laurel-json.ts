import { checkArgument } from "../../src/arguments.ts";
import { called } from "../../src/graph/graph.ts";
import { elements } from "../../src/onnx/dtypes.ts";
import { type SiteJson, siteJson } from "../residuals/json.ts";
import type { Laurelized } from "./laurelize.ts";

/** How many weights are added: in all, in percent of the model's, and at each site by its name. */
export interface AddedWeights {
  readonly added: number;
  readonly model: number;
  readonly percent: number;
  readonly perSite: Readonly<Record<string, number>>;
}

/** A laurelized model as plain data, which JSON can express. */
export interface LaurelJson {
  readonly variant: string;
  readonly options: Laurelized["plan"]["options"];
  readonly sites: readonly SiteJson[];
  readonly parameters: AddedWeights;
  /** What was lowered to plain operators first: the functions that were called, and nodes. */
  readonly lowered: {
    readonly calls: readonly string[];
    readonly nodes: readonly { readonly name: string; readonly op: string }[];
  };
  readonly dataFiles: readonly string[];
  readonly warnings: readonly string[];
}

/** Returns how many weights are added, in all and site by site; shared ones count at the first. */
export function addedWeights({
  plan,
  original,
}: Pick<Laurelized, "plan" | "original">): AddedWeights {
  const seen = new Set<unknown>();
  const sizes = plan.sites.map(({ site, parameters: tensors }) => {
    const own = Object.values(tensors).filter((tensor) => !seen.has(tensor));
    for (const tensor of own) seen.add(tensor);
    const added = own.reduce((sum, { dims }) => sum + elements(dims), 0);
    return [site.name, added] as const;
  });
  const added = sizes.reduce((sum, [, size]) => sum + size, 0);
  const model = original.weights;
  return { added, model, percent: (100 * added) / model, perSite: Object.fromEntries(sizes) };
}

/** Returns a laurelized model as plain data: what is inserted, where, and what was lowered for it. */
export function laurelJson(laurel: Laurelized): LaurelJson {
  const fits = typeof laurel === "object" && laurel !== null && "plan" in laurel;
  checkArgument("laurelJson", laurel, fits, "a result of laurelize");
  const { plan, lowered, model, warnings } = laurel;
  return {
    variant: plan.variant,
    options: plan.options,
    sites: plan.sites.map(({ site }) => siteJson(site)),
    parameters: addedWeights(laurel),
    lowered: {
      calls: lowered.calls,
      nodes: lowered.nodes.map((node) => ({ name: called(node), op: node.op })),
    },
    dataFiles: model.dataFiles,
    warnings,
  };
}
