import Table from "cli-table3";
import { pathOf, showShape } from "../passes/internal.ts";
import type { Rejection, Site } from "../src/index.ts";
import { oneLine, printable } from "./print.ts";

/** The parts of a table's lines, which are not drawn. */
const LINES = ["top", "bottom", "left", "mid", "right"].flatMap((line) =>
  ["", "-mid", "-left", "-right"].map((end) => [line + end, ""]),
);
const PLAIN = {
  chars: { ...Object.fromEntries(LINES), middle: "  " },
  style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
};

/** Text of a table, which may be a name and is escaped, or content that has colors of ours. */
export type PrintedCell = string | number | { readonly content: string };
const printableCell = (cell: PrintedCell) =>
  typeof cell === "object" ? cell : printable(oneLine(String(cell)));

/** Lays out rows below a head, a line each; the first `left` columns begin at the left. */
export function textTable(
  head: string[],
  rows: readonly (readonly PrintedCell[])[],
  left = head.length,
): string[] {
  const colAligns = head.map((_, k) => (k < left ? "left" : "right"));
  const table = new Table({ head, ...PLAIN, colAligns });
  for (const row of rows) table.push(row.map(printableCell));
  return table.toString().split("\n");
}

/** Returns the sites, one a row. */
export function siteTable(sites: readonly Site[]): string[] {
  const head = ["site", "kind", "shape", "feature axis", "size", "stream", "position"];
  const rows = sites.map(({ name, kind, shape, feature, stream, position }) => {
    return [name, kind, showShape(shape), feature.axis, feature.size, stream, position];
  });
  return textTable(head, rows, 3);
}

/** Returns the sums that are not sites, one a row, with the reason. */
export function rejectedTable(rejected: readonly Rejection[]): string[] {
  const rows = rejected.map(({ node: own, within, output, reason, kind }) => {
    const node = within ?? own;
    const name = node.message.name || output.name;
    const where = node.scope.kind === "main" ? name : `${pathOf(node.scope)}/${name}`;
    return [where, node.message.opType, kind ?? "", reason];
  });
  return textTable(["other sum", "op", "kind", "why not"], rows);
}
