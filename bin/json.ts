import { pathOf, type Rejection, type Site } from "../src/index.ts";

/** Prints the one document of a command with --json. */
export function printJson(document: object): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

/** The node that holds a sum in the model as it is given, and the value it makes of it. */
const heldBy = (node: Rejection["node"], output: Rejection["output"]) => ({
  node: node.message.name,
  op: node.message.opType,
  scope: scopeName(node),
  output: output.name,
});

const scopeName = ({ scope }: Rejection["node"]) => pathOf(scope);

/** Sites as `inspect --json` prints them. */
export const sitesAsJson = (sites: readonly Site[]) =>
  sites.map(({ name, node, within, output, skip, branches, kind, ...site }) => ({
    name,
    ...heldBy(within ?? node, within?.outputs.find(Boolean) ?? output),
    skip: skip.value.name,
    branch: branches.map(({ value }) => value.name),
    form: kind,
    dtype: site.dtype,
    shape: site.shape,
    feature: site.feature,
    layer: site.layer,
    stream: site.stream,
    position: site.position,
  }));

/** Rejected sums as `inspect --json` prints them. */
export const rejectedAsJson = (rejected: readonly Rejection[]) =>
  rejected.map(({ node, within, output, reason, kind }) => ({
    ...heldBy(within ?? node, within?.outputs.find(Boolean) ?? output),
    reason,
    kind,
  }));
