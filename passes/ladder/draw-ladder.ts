import { checkArgument } from "../../src/arguments.ts";
import { columnsOf } from "./columns.ts";
import { shapeText } from "./details.ts";
import { drawHead, LEAST, ladderSummary } from "./draw-head.ts";
import { drawGap, drawRejectedList, drawTicks } from "./draw-rejected.ts";
import { type Drawing, drawRung } from "./draw-rung.ts";
import type { Ladder } from "./ladder.ts";
import { type Layout, layoutOf, type StreamHead } from "./layout.ts";
import { checkDrawing, type DrawingOptions, svgDocument } from "./svg-document.ts";
import { at, label, line, listGroup } from "./svg-text.ts";

/**
 * Draws a ladder as one SVG document without script or reference to anything outside: streams as
 * rails, sites as rungs at their depth, earlier skips as arcs, rejected sums as faint ticks. Every
 * site is an element with `data-site`, a title for the mouse, and details that show while it has
 * the keyboard's focus. The same ladder gives the same text. Fits into a page as it is: its styles
 * apply to itself alone, and its colors are variables that the page can set (`--ladder-paper`).
 */
export function drawLadder(ladder: Ladder, options: DrawingOptions = {}): string {
  const fits = typeof ladder === "object" && ladder !== null && Array.isArray(ladder.sites);
  checkArgument("drawLadder", ladder, fits, "a ladder from ladderOf");
  checkDrawing("drawLadder", options);
  const { theme = "auto", title = ladder.model } = options;
  const layout = layoutOf(ladder);
  const drawn = ladder.sites.length > 0 ? rungs(ladder, layout, title) : noRungs(ladder, title);
  return svgDocument({ theme, ...drawn, heading: `${title}: ${ladderSummary(ladder)}` });
}

function rungs(ladder: Ladder, layout: Layout, title: string) {
  const { columns, right, barX } = columnsOf(ladder.sites, layout.textX, layout.font);
  const width = Math.ceil(Math.max(LEAST, right + layout.margin + 6));
  const rungOf = new Map(layout.rungs.map((rung) => [rung.site.name, rung]));
  const drawing: Drawing = { layout, columns, barX, width, rungOf };
  const content = [
    drawHead(ladder, drawing, title),
    ...layout.heads.map((head) => streamHead(head, layout)),
    ...layout.gaps.map((gap) => drawTicks(gap, layout.ticksX)),
    ...listGroup(
      "sites",
      layout.rungs.map((rung) => drawRung(rung, drawing)),
    ),
    ...listGroup(
      "other sums",
      layout.gaps.flatMap((gap) => drawGap(gap, layout.ticksX, width)),
    ),
  ];
  return { width, height: Math.ceil(layout.bottom), content };
}

/** Draws where a stream begins, with its shape. */
function streamHead({ first, x, y }: StreamHead, { font, headHeight, textX }: Layout): string {
  const { stream, shape, feature, scope } = first;
  const inside = scope === "main" ? "" : `   in ${scope}`;
  const text = `stream ${stream}   ${shapeText(shape)}   ${feature.size} features on axis ${feature.axis}${inside}`;
  const bar = headHeight * 0.27;
  return [
    line("", `M${at(x - 5)},${at(y + bar)}h10`, 2),
    label(text, textX, y + font * 0.3, { class: "muted", "font-size": Math.min(11, font) }),
  ].join("");
}

function noRungs(ladder: Ladder, title: string) {
  const layout = { ...layoutOf(ladder), top: 80 };
  const { rows, right, bottom } = drawRejectedList(ladder.rejected, layout.margin + 4, layout.top);
  return {
    width: Math.ceil(Math.max(LEAST, right + layout.margin)),
    height: Math.ceil(bottom),
    content: [
      drawHead(ladder, { layout, columns: [], barX: null }, title),
      ...listGroup("other sums", rows),
    ],
  };
}
