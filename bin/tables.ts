import Table from "cli-table3";
import type { Rejection, Site } from "../src/index.ts";
import { pathOf } from "../src/internal.ts";

/** The parts of a table's lines, which are not drawn. */
const LINES = ["top", "bottom", "left", "mid", "right"].flatMap((line) =>
  ["", "-mid", "-left", "-right"].map((end) => [line + end, ""]),
);

/** Returns a table without lines; its columns are aligned to the right from one of them on. */
export const plainTable = (head: string[], right = head.length) =>
  new Table({
    head,
    chars: { ...Object.fromEntries(LINES), middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    colAligns: head.map((_, k) => (k < right ? "left" : "right")),
  });

const showDims = (shape: readonly (number | string)[]) =>
  `[${shape.map((dim) => dim || "?").join(", ")}]`;

/** Returns the sites, one a row. */
export function siteTable(sites: readonly Site[]): string {
  const head = ["site", "kind", "shape", "feature axis", "size", "stream", "position"];
  const table = plainTable(head, 3);
  for (const { name, kind, shape, feature, stream, position } of sites)
    table.push([name, kind, showDims(shape), feature.axis, feature.size, stream, position]);
  return table.toString();
}

/** Returns the sums that are not sites, one a row, with the reason. */
export function rejectedTable(rejected: readonly Rejection[]): string {
  const table = plainTable(["other sum", "op", "kind", "why not"]);
  for (const { node: own, within, output, reason, kind } of rejected) {
    const node = within ?? own;
    const name = node.message.name || output.name;
    const where = node.scope.kind === "main" ? name : `${pathOf(node.scope)}/${name}`;
    table.push([where, node.message.opType, kind ?? "", reason]);
  }
  return table.toString();
}
