import { checkArgument } from "../../src/arguments.ts";
import { grouped } from "../../src/figures.ts";
import { showShape } from "../../src/onnx/dtypes.ts";
import { columnsOf } from "./columns.ts";
import { rejectionDetails } from "./details.ts";
import { drawHead, LEAST, ladderSummary } from "./draw-head.ts";
import { type Drawing, drawRung } from "./draw-rung.ts";
import type { Ladder, LadderRejection } from "./ladder.ts";
import {
  ADVANCE,
  type Gap,
  type Layout,
  layoutOf,
  type StreamHead,
  TICK,
  type Tick,
} from "./layout.ts";
import { checkDrawing, type DrawingOptions, svgDocument } from "./svg-document.ts";
import { at, element, label, line, listGroup, listItem, shortened } from "./svg-text.ts";
import { tip } from "./tip.ts";

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
  const drawn = layout.rungs.map((rung) => drawRung(rung, drawing));
  const ticks = layout.gaps.flatMap(({ ticks, y }) =>
    ticks.map((tick, k) => drawTick(tick, layout.ticksX + k * TICK, y, width)),
  );
  const content = [
    drawHead(ladder, drawing, title),
    ...layout.heads.map((head) => streamHead(head, layout)),
    ...layout.gaps.map((gap) => drawTicks(gap, layout.ticksX)),
    ...listGroup("sites", drawn),
    ...listGroup("other sums", ticks),
  ];
  return { width, height: Math.ceil(layout.bottom), content };
}

/** Draws where a stream begins, with its shape. */
function streamHead({ first, x, y }: StreamHead, { font, headHeight, textX }: Layout): string {
  const { stream, shape, feature, scope } = first;
  const inside = scope === "main" ? "" : `   in ${scope}`;
  const text = `stream ${stream}   ${showShape(shape)}   ${feature.size} features on axis ${feature.axis}${inside}`;
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

/** Draws the ticks of one gap between two rungs, to be seen; details of rungs lie over them. */
const drawTicks = ({ ticks, y }: Gap, x: number): string =>
  ticks
    .map(({ sums: { length } }, k) =>
      line("tick", `M${at(x + k * TICK)},${at(y - 4)}v8`, length > 1 ? 2.4 : 1.4),
    )
    .join("");

/** Draws what is known of a tick, for the mouse and the keyboard. */
function drawTick({ sums }: Tick, x: number, y: number, width: number): string {
  const details = rejectionDetails(sums);
  const room = { x: x + 14, bottom: y - 8, width };
  return listItem({ "aria-label": spoken(sums) }, details, [
    element("rect", { class: "ring", x: x - TICK / 2, y: y - 6, width: TICK, height: 12, rx: 2 }),
    tip(details, room),
  ]);
}

const spoken = (sums: readonly LadderRejection[]) =>
  sums.length === 1
    ? `${sums[0].name} is not a site: ${sums[0].reason}`
    : `${sums.length} sums that are not sites: ${sums[0].reason}`;

const ROW = 22;
const FONT = 12;
/** Most rows of a list of rejected sums. */
const ROWS = 200;

/** Draws a list of rejected sums with their reasons, for a model without sites. */
function drawRejectedList(rejected: readonly LadderRejection[], x: number, y: number) {
  const shown = rejected.slice(0, ROWS);
  const name = ({ name: given }: LadderRejection) => shortened(given, 42);
  const names = Math.max(0, ...shown.map((sum) => name(sum).length));
  const reasonX = x + 16 + names * FONT * ADVANCE + 22;
  const reasons = Math.max(0, ...shown.map(({ reason }) => shortened(reason, 140).length));
  const right = reasonX + reasons * FONT * ADVANCE;
  const rows = shown.map((sum, k) => {
    const middle = y + k * ROW + ROW / 2;
    const reason = shortened(sum.reason, 140);
    const box = { x: x - 6, y: middle - ROW / 2, width: right - x + 12, height: ROW };
    return listItem({ "aria-label": spoken([sum]) }, rejectionDetails([sum]), [
      element("rect", { class: "ring", ...box, rx: 4 }),
      line("tick", `M${at(x + 3)},${at(middle - 5)}v10`, 1.5),
      label(name(sum), x + 16, middle + 4, { "font-size": FONT }),
      label(reason, reasonX, middle + 4, { class: "muted", "font-size": FONT }),
    ]);
  });
  const more = rejected.length - shown.length;
  const attributes = { class: "muted", "font-size": FONT, role: "listitem" };
  const below = y + shown.length * ROW + 16;
  if (more > 0) rows.push(label(`and ${grouped(more)} more`, x + 16, below, attributes));
  return { rows, right, bottom: y + rows.length * ROW + 14 };
}
