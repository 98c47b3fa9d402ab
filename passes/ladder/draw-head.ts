import { counted, grouped } from "../../src/figures.ts";
import type { Drawing } from "./draw-rung.ts";
import type { Ladder } from "./ladder.ts";
import type { Layout } from "./layout.ts";
import { element, label, line, shortened } from "./svg-text.ts";

/** Returns what a ladder holds, in a sentence without verb. */
export function ladderSummary({ sites, rejected, weights }: Ladder): string {
  const streams = new Set(sites.map(({ stream }) => stream)).size;
  const chosen = sites.filter(({ chosen }) => chosen).length;
  const variants = new Set(sites.flatMap(({ laurel }) => laurel.map(({ variant }) => variant)));
  const sizes = sites.flatMap(({ laurel }) => laurel.map(({ parameters }) => parameters));
  const added = sizes.reduce((sum, size) => sum + size, 0);
  return [
    sites.length === 0
      ? "no residual sum"
      : `${counted(sites.length, "site")} in ${counted(streams, "stream")}`,
    ...(chosen < sites.length ? [`${grouped(chosen)} chosen`] : []),
    counted(rejected.length, "other sum"),
    `${grouped(weights)} weights`,
    ...(variants.size > 0
      ? [`LAuReL ${[...variants].join(", ")}${added > 0 ? `: ${grouped(added)} weights` : ""}`]
      : []),
  ].join(" · ");
}

/** Draws the title, the counts, the legend and the heads of the columns. */
export function drawHead(
  ladder: Ladder,
  { layout, columns, barX }: Pick<Drawing, "layout" | "columns" | "barX">,
  title: string,
): string {
  const x = layout.margin + 4;
  const heads = columns.map((column) => headLabel(column.head, column.x, layout));
  const bar = barX === null ? "" : headLabel("‖f‖ against ‖x‖", barX, layout);
  return [
    label(shortened(title, 70), x, 32, { class: "sans strong", "font-size": 18 }),
    label(ladderSummary(ladder), x, 53, { class: "sans muted", "font-size": 13 }),
    ...legend(ladder, x),
    ...heads,
    bar,
  ].join("");
}

const headLabel = (text: string, x: number, { top, font }: Layout) =>
  label(text, x, top - 6, { class: "muted", "font-size": Math.max(10, font - 1) });

/** One entry of a legend: a small drawing at x, y, and what it means. */
interface Entry {
  readonly text: string;
  readonly draw: (x: number, y: number) => string;
  readonly wide: number;
}

function legend({ sites, rejected }: Ladder, x: number): string[] {
  if (sites.length === 0) return [];
  const has = (kind: string) => sites.some((site) => site.kind === kind);
  const weights = sites.flatMap(({ laurel }) => laurel);
  const box = (at: number, y: number) => ({ x: at + 3, y: y - 4, width: 8, height: 8 });
  const first: Entry[] = [
    { text: "skip x", wide: 8, draw: (at, y) => line("", `M${at + 3},${y - 8}V${y + 6}`, 2.5) },
    {
      text: "branch f",
      wide: 14,
      draw: (at, y) =>
        line("", `M${at},${y - 7}C${at + 16},${y - 7} ${at + 16},${y + 6} ${at},${y + 6}`, 2),
    },
  ];
  if (has("projected"))
    first.push({
      text: "projected skip",
      wide: 14,
      draw: (at, y) => element("rect", { class: "mark", ...box(at, y) }),
    });
  if (rejected.length > 0)
    first.push({
      text: "other sum, with its reason",
      wide: 8,
      draw: (at, y) => line("tick", `M${at + 3},${y - 5}v10`, 1.5),
    });
  const second: Entry[] = [
    ...(weights.some(({ alpha }) => alpha) ? [ramp] : []),
    ...(weights.some(({ lags }) => lags.length > 0)
      ? [skipEntry(weights.some(({ lags }) => lags.length > 1))]
      : []),
  ];
  return [...legendRow(first, x, 76), ...legendRow(second, x, 97)];
}

/** The scale of α and β by color. */
const ramp: Entry = {
  text: "α and β from below 1 to above 1, by color and width",
  wide: 76,
  draw: (x, y) =>
    ["below-3", "below-2", "below-1", "", "above-1", "above-2", "above-3"]
      .map((mark, k) => line(mark, `M${x + 4 + k * 11},${y}h6`, 3 + k * 0.6))
      .join(""),
};

const skipEntry = (lagged: boolean): Entry => ({
  text: lagged ? "γ and ‖AB‖ of this skip and earlier ones" : "low-rank map, by ‖AB‖",
  wide: 14,
  draw: (x, y) =>
    line("map", `M${x + 12},${y - 7}C${x - 4},${y - 7} ${x - 4},${y + 6} ${x + 12},${y + 6}`, 2),
});

/** Draws the entries of a legend in a row; a character takes `advance`. */
export function legendRow(
  entries: readonly Entry[],
  from: number,
  y: number,
  advance = 6.4,
): string[] {
  let x = from;
  return entries.map(({ text, wide, draw }) => {
    const drawn =
      draw(x, y) + label(text, x + wide + 7, y + 4, { class: "sans muted", "font-size": 12 });
    x += wide + 7 + text.length * advance + 20;
    return drawn;
  });
}

/** Least width of a drawing: that of its legend. */
export const LEAST = 720;
