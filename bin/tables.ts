import Table from "cli-table3";
import type { FoundResiduals, Rejection, Site } from "../src/index.ts";
import { OPTIONAL_KINDS, pathOf } from "../src/internal.ts";
import { counted } from "./text.ts";

const plain = {
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

/** One line on what was found: "16 residual sums in 4 streams (12 identity, 4 projected); 1 other Add". */
export function sums({ sites, rejected }: FoundResiduals, explained: boolean): string {
  const kinds = [...new Set(sites.map(({ kind }) => kind))].map(
    (kind) => `${sites.filter((site) => site.kind === kind).length} ${kind}`,
  );
  const streams = new Set(sites.map(({ stream }) => stream)).size;
  const found =
    sites.length === 0
      ? "no residual sum"
      : `${counted(sites.length, "residual sum")} in ${counted(streams, "stream")} (${kinds.join(", ")})`;
  const others = OPTIONAL_KINDS.flatMap((kind) => {
    const { length } = rejected.filter((rejection) => rejection.kind === kind);
    return length > 0 ? [`${length} ${kind}`] : [];
  });
  const also = others.length > 0 ? `, of them ${others.join(", ")} (--also)` : "";
  const hint = explained || rejected.length === 0 ? "" : " (inspect --why)";
  return `${found}; ${rejected.length} other ${rejected.length === 1 ? "Add" : "Adds"}${also}${hint}`;
}

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

/** The sums that are no sites, one a row, with the reason. */
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
