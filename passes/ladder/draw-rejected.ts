import { grouped, rejectionDetails } from "./details.ts";
import type { LadderRejection } from "./ladder.ts";
import { ADVANCE, type Gap, TICK, type Tick } from "./layout.ts";
import { at, element, label, line, listItem, shortened } from "./svg-text.ts";
import { tip } from "./tip.ts";

/** Draws the ticks of one gap between two rungs, to be seen; details of rungs lie over them. */
export const drawTicks = ({ ticks, y }: Gap, x: number): string =>
  ticks
    .map(({ sums: { length } }, k) =>
      line("tick", `M${at(x + k * TICK)},${at(y - 4)}v8`, length > 1 ? 2.4 : 1.4),
    )
    .join("");

/** Draws what is known of the ticks of one gap, for the mouse and the keyboard. */
export function drawGap({ ticks, y }: Gap, x: number, width: number): string[] {
  return ticks.map((tick, k) => drawTick(tick, x + k * TICK, y, width));
}

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
export function drawRejectedList(rejected: readonly LadderRejection[], x: number, y: number) {
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
  if (more > 0)
    rows.push(
      label(`and ${grouped(more)} more`, x + 16, y + shown.length * ROW + 16, {
        class: "muted",
        "font-size": FONT,
        role: "listitem",
      }),
    );
  return { rows, right, bottom: y + rows.length * ROW + 14 };
}
