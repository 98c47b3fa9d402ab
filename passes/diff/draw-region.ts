import { groupBy } from "../../src/entry.ts";
import { counted, grouped } from "../../src/figures.ts";
import { ADVANCE } from "../ladder/layout.ts";
import { element, label, listItem, shortened } from "../ladder/svg-text.ts";
import { drawnGraph, type Picture } from "./draw-graph.ts";
import type { Neighborhood } from "./neighborhood.ts";
import type { RegionDiff } from "./region-diffs.ts";
import { figuresText } from "./site-figures.ts";

const [PADDING, GAP, LINE, FONT] = [16, 36, 17, 12];
/** Characters of a line of text. */
const LONGEST = 72;

/** Draws regions of one shape: the first of them before and after, and the names of all. */
export function drawRegion(regions: readonly RegionDiff[]): Picture {
  const [region, ...others] = regions;
  const [before, after] = [drawnGraph(region.before), drawnGraph(region.after)];
  const lines = regionText(region, others.length).map((line) => shortened(line, LONGEST));
  const rows = rowsOf(others).map((line) => shortened(line, LONGEST));
  const top = PADDING + lines.length * LINE + 26;
  const left = Math.max(before.width, 70);
  const inner = left + GAP + Math.max(after.width, 70);
  const text = Math.max(...[...lines, ...rows].map(({ length }) => length)) * FONT * ADVANCE;
  const width = Math.max(inner, text) + 2 * PADDING;
  const drawn = top + Math.max(before.height, after.height) + PADDING;
  const height = drawn + (rows.length > 0 ? rows.length * LINE + PADDING : 0);
  const heads = { "font-size": 11, class: "muted" };
  const attributes = {
    "data-site": region.isSite ? region.name : undefined,
    "aria-label": lines.join("; "),
  };
  const draw = (x: number, y: number) =>
    listItem(attributes, lines, [
      element("rect", { class: "card", x, y, width, height, rx: 8 }),
      element("rect", { class: "ring", x, y, width, height, rx: 8 }),
      ...lines.map((line, k) =>
        label(line, x + PADDING, y + PADDING + 8 + k * LINE, {
          "font-size": FONT,
          class: line.startsWith(" ") ? "muted" : "strong",
        }),
      ),
      label("before", x + PADDING, y + top - 8, heads),
      label("after", x + PADDING + left + GAP, y + top - 8, heads),
      ...rows.map((row, k) =>
        label(row, x + PADDING, y + drawn + 12 + k * LINE, { "font-size": FONT }),
      ),
      before.draw(x + PADDING, y + top),
      after.draw(x + PADDING + left + GAP, y + top),
    ]);
  return { width, height, draw };
}

/** Regions of one shape that are listed. */
const LISTED = 500;

/** What is known of further regions of one shape, a line each. */
function rowsOf(regions: readonly RegionDiff[]): string[] {
  const left = regions.length - LISTED;
  return [
    ...regions.slice(0, LISTED).map((region) => `${titleOf(region)}  ${figuresOf(region)}`.trim()),
    ...(left > 0 ? [`and ${grouped(left)} more`] : []),
  ];
}

const titleOf = ({ name, isSite, scope }: RegionDiff) =>
  `${isSite ? "site " : ""}${name}${scope === "main" ? "" : ` in ${scope}`}`;

const figuresOf = ({ laurel }: RegionDiff) =>
  figuresText(laurel.after) || figuresText(laurel.before);

/** The name of a region and what is known of it, a line each. */
function regionText(region: RegionDiff, others: number): string[] {
  const { nodes, before, after } = region;
  const hidden = before.hidden + after.hidden;
  const counts = [
    nodes.added > 0 ? `${counted(nodes.added, "node")} added` : "",
    nodes.removed > 0 ? `${counted(nodes.removed, "node")} removed` : "",
    hidden > 0 ? `${hidden} not drawn` : "",
    figuresOf(region),
    others > 0 ? `${counted(others, "other")} of this shape below` : "",
  ].filter(Boolean);
  return [titleOf(region), ...(counts.length > 0 ? [` ${counts.join(", ")}`] : [])];
}

/** Regions up to which each is drawn by itself. */
const EACH = 24;

/** Groups regions for drawing: each alone, or if they are many, equal ones together. */
export function equalRegions(regions: readonly RegionDiff[]): RegionDiff[][] {
  if (regions.length <= EACH) return regions.map((region) => [region]);
  const groups = groupBy(regions, ({ before, after }) =>
    JSON.stringify([shapeOf(before), shapeOf(after)]),
  );
  return [...groups.values()];
}

const shapeOf = ({ nodes, edges, hidden }: Neighborhood) => [
  nodes.map(({ kind, op, mark, weights }) => [kind, op, mark, weights.map((each) => each.mark)]),
  edges.map(({ from, to }) => [from, to]),
  hidden,
];
