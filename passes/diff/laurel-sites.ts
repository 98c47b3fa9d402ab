import type { Node } from "../../src/graph/graph.ts";
import { scopesOf, weightNamed } from "../../src/graph/scopes.ts";
import { productsOf, walk } from "../../src/graph/walk.ts";
import type { Model } from "../../src/model.ts";
import { laurelizations, sitesOf } from "../laurelize/manifest.ts";

/** A site of a laurelized model: the node that holds its sum, and the nodes of its LAuReL. */
interface LaurelSite {
  readonly name: string;
  readonly sum: Node;
  readonly nodes: readonly Node[];
}

/** Returns the sites of a laurelized model according to its metadata; none for other models. */
export function laurelSites(model: Model): LaurelSite[] {
  const { graph } = model;
  const scopes = [...scopesOf(graph)];
  const sites = new Map<string, LaurelSite>();
  for (const { name, output, parameters } of sitesOf(laurelizations(model.metadata))) {
    const [sum] = scopes.flatMap(({ values }) => values.get(output)?.producer ?? []);
    if (!sum) continue;
    const weights = Object.values(parameters).flatMap((each) => weightNamed(graph, each) ?? []);
    const inserted = walk(weights, (value) =>
      productsOf(value).filter(({ producer }) => producer !== sum && producer!.scope === sum.scope),
    );
    const nodes = [...inserted].flatMap(({ producer }) => producer ?? []);
    const before = sites.get(name)?.nodes ?? [];
    sites.set(name, { name, sum, nodes: [...new Set([...before, ...nodes])] });
  }
  return [...sites.values()];
}
