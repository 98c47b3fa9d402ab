import { checkArgument } from "../../src/arguments.ts";
import { pathOf } from "../../src/graph/scopes.ts";
import type { Rejection, Site } from "./residual.ts";

/** The node that holds a sum in the original model, and the output that is the sum. */
interface HeldJson {
  readonly node: string;
  readonly op: string;
  /** Path of its scope; empty in the main graph. */
  readonly scope: string;
  readonly output: string;
}

/** A site as plain data, as `inspect --json` prints it. */
export interface SiteJson
  extends HeldJson,
    Pick<
      Site,
      "name" | "kind" | "form" | "dtype" | "shape" | "feature" | "layer" | "stream" | "position"
    > {
  readonly skip: string;
  readonly branch: readonly string[];
}

/** A rejected sum as plain data, as `inspect --why --json` prints it. */
export interface RejectionJson extends HeldJson, Pick<Rejection, "reason" | "code" | "kind"> {}

const held = ({
  node: own,
  within,
  output,
}: Pick<Site, "node" | "within" | "output">): HeldJson => {
  const node = within ?? own;
  return {
    node: node.message.name,
    op: node.message.opType,
    scope: pathOf(node.scope),
    output: (within?.outputs.find(Boolean) ?? output).name,
  };
};

/** Returns a site as plain data, without references to the graph. */
export function siteJson(site: Site): SiteJson {
  checkArgument("siteJson", site, isSum(site) && "skip" in site, "a site of findResiduals");
  const { name, skip, branches, kind, form, dtype, shape, feature, layer, stream, position } = site;
  return {
    name,
    ...held(site),
    skip: skip.value.name,
    branch: branches.map(({ value }) => value.name),
    ...{ kind, form, dtype, shape, feature, layer, stream, position },
  };
}

/** Returns a rejected sum as plain data, without references to the graph. */
export function rejectionJson(rejection: Rejection): RejectionJson {
  const fits = isSum(rejection) && "reason" in rejection;
  checkArgument("rejectionJson", rejection, fits, "a rejected sum of findResiduals");
  const { reason, code, kind } = rejection;
  return { ...held(rejection), reason, code, kind };
}

const isSum = (given: unknown) =>
  typeof given === "object" && given !== null && "node" in given && "output" in given;
