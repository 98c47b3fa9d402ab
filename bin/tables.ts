import Table from "cli-table3";
import type { Rejection, Site } from "../src/index.ts";
import { pathOf } from "../src/internal.ts";

/** A table without lines. */
export const plain = {
  chars: {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: "  ",
  },
  style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
};

const showDims = (shape: readonly (number | string)[]) =>
  `[${shape.map((dim) => dim || "?").join(", ")}]`;

/** The sites, one a row. */
export function siteTable(sites: readonly Site[]): string {
  const table = new Table({
    head: ["site", "kind", "shape", "feature axis", "size", "stream", "position"],
    ...plain,
    colAligns: ["left", "left", "left", "right", "right", "right", "right"],
  });
  for (const { name, kind, shape, feature, stream, position } of sites)
    table.push([name, kind, showDims(shape), feature.axis, feature.size, stream, position]);
  return table.toString();
}

/** The sums that are not sites, one a row, with the reason. */
export function rejectedTable(rejected: readonly Rejection[]): string {
  const table = new Table({ head: ["other sum", "op", "kind", "why not"], ...plain });
  for (const { node: own, within, output, reason, kind } of rejected) {
    const node = within ?? own;
    const name = node.message.name || output.name;
    const where = node.scope.kind === "main" ? name : `${pathOf(node.scope)}/${name}`;
    table.push([where, node.message.opType, kind ?? "", reason]);
  }
  return table.toString();
}
