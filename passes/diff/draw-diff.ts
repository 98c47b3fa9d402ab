import { counted } from "../../src/figures.ts";
import { legendRow } from "../ladder/draw-head.ts";
import { ADVANCE } from "../ladder/layout.ts";
import { checkDrawing, type DrawingOptions, svgDocument } from "../ladder/svg-document.ts";
import { element, label, shortened } from "../ladder/svg-text.ts";
import { checkDiff, type ModelDiff } from "./diff.ts";
import { changeRows, diffSummary, proofRows } from "./diff-text.ts";
import type { Picture } from "./draw-graph.ts";
import { drawRegion, equalRegions } from "./draw-region.ts";

const [MARGIN, LEAST, ROW, FONT] = [20, 760, 18, 12];
/** Drawings of changes. */
const MOST = 150;

/**
 * Draws a diff as one SVG document without script or reference to anything outside: what changed in
 * numbers, how the outputs compare, and each region before and after. The same diff gives the same
 * text. Its colors are the variables of `drawLadder`.
 */
export function drawDiff(diff: ModelDiff, options: DrawingOptions = {}): string {
  checkDiff("drawDiff", diff);
  checkDrawing("drawDiff", options);
  const { theme = "auto", title = `${diff.before.name} → ${diff.after.name}` } = options;
  const groups = equalRegions(diff.regions);
  const cards = groups.slice(0, MOST).map((regions) => drawRegion(regions));
  const head = drawHead(diff, title);
  const width = Math.ceil(
    Math.max(LEAST, head.width, ...cards.map((card) => card.width + 2 * MARGIN)),
  );
  const { height: bottom, content } = stacked(cards, head.height, width);
  const left = groups.length - cards.length;
  const height = left > 0 ? bottom + ROW : bottom;
  const heading = `${title}: ${diffSummary(diff).join("; ")}`;
  const more = `and ${counted(left, "more change")}`;
  return svgDocument({
    theme,
    width,
    height,
    heading,
    content: [
      head.content,
      element("g", { role: "list", "aria-label": "changes" }, `\n${content.join("\n")}\n`),
      left > 0 ? label(more, MARGIN, bottom, { class: "muted" }) : "",
    ],
  });
}

/** Places cards below each other, as many beside each other as fit. */
function stacked(cards: readonly Picture[], top: number, width: number) {
  const content: string[] = [];
  let [x, y, row] = [MARGIN, top, 0];
  for (const card of cards) {
    if (x > MARGIN && x + card.width > width - MARGIN) {
      y += row + MARGIN;
      [x, row] = [MARGIN, 0];
    }
    content.push(card.draw(x, y));
    x += card.width + MARGIN;
    row = Math.max(row, card.height);
  }
  return { height: Math.ceil(y + row + MARGIN), content };
}

/** Draws the title, the counts, the legend, the table of changes and the proof. */
function drawHead(diff: ModelDiff, title: string) {
  const text = { "font-size": FONT };
  const parts = [
    label(shortened(title, 80), MARGIN, 34, { class: "sans strong", "font-size": 18 }),
    ...diffSummary(diff).map((line, k) =>
      label(line, MARGIN, 55 + k * 17, { class: "sans muted", "font-size": 13 }),
    ),
    ...legendRow(LEGEND, MARGIN, 100, 7),
  ];
  const rows = changeRows(diff);
  const top = 138;
  const widths = [0, 1, 2, 3].map(
    (column) => Math.max(...rows.map((row) => row[column].length)) * FONT * ADVANCE,
  );
  for (const [k, row] of rows.entries()) {
    let x = MARGIN;
    for (const [column, cell] of row.entries()) {
      const isFirst = column === 0;
      const right = x + widths[column];
      const mark =
        k === 0 ? "muted" : column === 3 ? (cell.startsWith("+") ? "added" : "removed") : undefined;
      parts.push(
        label(cell, isFirst ? x : right, top + k * ROW, {
          ...text,
          class: mark,
          "text-anchor": isFirst ? undefined : "end",
        }),
      );
      x = right + 24;
    }
  }
  const proofX = MARGIN + widths.reduce((sum, each) => sum + each + 24, 0) + 24;
  const proof = proofRows(diff);
  for (const [k, line] of proof.entries())
    parts.push(
      label(line, proofX, top + k * ROW, { ...text, class: k === 0 ? "strong" : "muted" }),
    );
  const longest = Math.max(0, ...proof.map(({ length }) => length)) * FONT * ADVANCE;
  return {
    content: parts.join(""),
    width: proofX + longest + MARGIN,
    height: top + Math.max(rows.length, proof.length) * ROW + 14,
  };
}

const LEGEND = ["added", "removed", "changed", "same"].map((mark) => ({
  text: mark === "same" ? "as before" : mark,
  wide: 18,
  draw: (x: number, y: number) =>
    element("rect", { class: `box ${mark}`, x, y: y - 6, width: 18, height: 12, rx: 3 }),
}));
