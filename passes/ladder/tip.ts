import { ADVANCE } from "./layout.ts";
import { at, label, shortened } from "./svg-text.ts";

const FONT = 12;
const LINE = 16;
const PADDING = 8;

/** Where a box of details may stand. */
interface Room {
  readonly x: number;
  /** The bottom edge, if there is space above it. */
  readonly bottom: number;
  readonly width: number;
}

/** Returns a box of details that the style sheet shows while its element has the focus. */
export function tip(lines: readonly string[], { x, bottom, width }: Room): string {
  const most = Math.floor((width - 4 * PADDING) / (FONT * ADVANCE));
  const shown = lines.map((line) => shortened(line, most));
  const longest = Math.max(...shown.map(({ length }) => length));
  const [wide, high] = [longest * FONT * ADVANCE + 2 * PADDING, shown.length * LINE + PADDING];
  const left = Math.max(PADDING, Math.min(x, width - wide - PADDING));
  const top = Math.max(4, bottom - high);
  const rows = shown.map((line, k) => {
    const attributes = { "font-size": FONT, class: k === 0 ? "strong" : undefined };
    return label(line, left + PADDING, top + PADDING + 7 + k * LINE, attributes);
  });
  const box = `<rect x="${at(left)}" y="${at(top)}" width="${at(wide)}" height="${at(high)}" rx="5"/>`;
  return `<g class="tip" aria-hidden="true">${box}${rows.join("")}</g>`;
}
