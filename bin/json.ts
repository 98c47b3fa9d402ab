import { pathOf, type Rejection, type Site } from "../src/index.ts";

const scopeName = ({ scope }: Rejection["node"]) => pathOf(scope);

/** Sites as `inspect --json` prints them. */
export const sitesAsJson = (sites: readonly Site[]) =>
  sites.map(
    ({
      name,
      node,
      output,
      skip,
      branches,
      kind,
      dtype,
      shape,
      feature,
      layer,
      stream,
      position,
    }) => ({
      name,
      node: node.message.name,
      op: node.message.opType,
      scope: scopeName(node),
      output: output.name,
      skip: skip.value.name,
      branch: branches.map(({ value }) => value.name),
      form: kind,
      dtype,
      shape,
      feature,
      layer,
      stream,
      position,
    }),
  );

/** Rejected sums as `inspect --json` prints them. */
export const rejectedAsJson = (rejected: readonly Rejection[]) =>
  rejected.map(({ node, output, reason, kind }) => ({
    node: node.message.name,
    op: node.message.opType,
    scope: scopeName(node),
    output: output.name,
    reason,
    kind,
  }));
