import { OPTIONAL_KINDS } from "../residuals/residual.ts";
import { BAR, factorOf, type LadderColumn } from "./columns.ts";
import { digits, siteDetails } from "./details.ts";
import type { LagWeights } from "./laurel-weights.ts";
import { type Layout, lagWidth, type Rung, sumRadius } from "./layout.ts";
import { factorClass } from "./palette.ts";
import { at, element, label, line, listItem } from "./svg-text.ts";
import { tip } from "./tip.ts";

/** What the rungs of one drawing share. */
export interface Drawing {
  readonly layout: Layout;
  readonly columns: readonly LadderColumn[];
  readonly barX: number | null;
  readonly width: number;
  readonly rungOf: ReadonlyMap<string, Rung>;
}

/** Draws a site: its rail, its branch, the skips that it adds, the sum and the texts. */
export function drawRung(rung: Rung, drawing: Drawing): string {
  const { site, text } = rung;
  const { layout, width } = drawing;
  const details = siteDetails(site);
  const height = layout.rung;
  const ring = {
    class: "ring",
    ...{ x: layout.margin / 2, y: text - height / 2, width: width - layout.margin, height },
    rx: Math.min(5, height / 3),
  };
  const room = { x: layout.textX, bottom: text - height / 2 - 3, width };
  const operators = site.label || "no operator";
  const attributes = {
    class: site.chosen ? undefined : "unchosen",
    "data-site": site.name,
    "aria-label": `site ${site.name}, ${site.kind}, branch ${operators}`,
  };
  return listItem(attributes, details, [
    element("rect", ring),
    rail(rung, layout),
    branch(rung, layout),
    ...site.laurel.flatMap(({ lags }) => lags.map((lag) => arc(rung, lag, drawing))),
    sum(rung, layout),
    texts(rung, drawing),
    bars(rung, drawing),
    tip(details, room),
  ]);
}

const lineWidth = ({ rung }: Layout) => Math.max(1, Math.min(2.4, rung * 0.07));

const weighted = (layout: Layout, factor: number) =>
  lineWidth(layout) * Math.max(0.4, Math.min(2.6, Number.isFinite(factor) ? factor : 1));

function rail({ site, x, y, top }: Rung, layout: Layout): string {
  const beta = factorOf(site, "beta") ?? 1;
  const width = weighted(layout, beta) * 1.25;
  const drawn = line(factorClass(beta), `M${at(x)},${at(top)}V${at(y)}`, width, {
    "stroke-dasharray": OPTIONAL.has(site.kind) ? "3 3" : undefined,
  });
  const size = Math.max(3, Math.min(9, layout.rung * 0.26));
  const middle = Math.max((top + y) / 2, y - layout.rung * 0.5);
  const box = { class: "mark", x: x - size / 2, y: middle - size / 2, width: size, height: size };
  const turned = `rotate(45 ${at(x)} ${at(middle)})`;
  if (site.kind === "projected") return drawn + element("rect", box);
  if (site.kind === "scaled") return drawn + element("rect", { ...box, transform: turned });
  return drawn;
}

const OPTIONAL: ReadonlySet<string> = new Set(OPTIONAL_KINDS);

function branch({ site, x, y, from }: Rung, layout: Layout): string {
  const alpha = factorOf(site, "alpha") ?? 1;
  const right = x + layout.reach * 1.33;
  return line(factorClass(alpha), bow(x, right, from, y), weighted(layout, alpha));
}

/** The path that leaves a rail and comes back to it. */
const bow = (x: number, aside: number, from: number, to: number) =>
  `M${at(x)},${at(from)}C${at(aside)},${at(from)} ${at(aside)},${at(to)} ${at(x)},${at(to)}`;

/** Draws a skip that the site adds: a small arc for its own, a longer one for each earlier skip. */
function arc({ x, y, from }: Rung, lag: LagWeights, { layout, rungOf }: Drawing): string {
  const source = lag.lag === 0 ? from : rungOf.get(lag.from ?? "")?.from;
  if (source === undefined) return "";
  const left = x - lagWidth(lag.lag, layout.rung) * 1.33;
  const isIdle = lag.strength === 0;
  const width = lineWidth(layout) * (isIdle ? 0.8 : Math.min(2.6, 0.5 + 4 * lag.strength));
  return line(isIdle ? "idle" : "map", bow(x, left, source, y), width, {
    "stroke-dasharray": isIdle ? "2 2" : undefined,
  });
}

function sum({ x, y }: Rung, layout: Layout): string {
  const r = sumRadius(layout.rung);
  const circle = element("circle", { class: "sum", cx: x, cy: y, r, "stroke-width": 1.2 });
  if (r < 4) return circle;
  const half = r * 0.55;
  const d = `M${at(x - half)},${at(y)}h${at(2 * half)}M${at(x)},${at(y - half)}v${at(2 * half)}`;
  return circle + element("path", { class: "sum", d, "stroke-width": 1.2 });
}

function texts({ site, x, text, hasText }: Rung, { layout, columns }: Drawing): string {
  if (!hasText) return "";
  const baseline = text + layout.font * 0.36;
  const [start, end] = [x + layout.reach + 2, layout.textX - 5];
  const lead =
    end - start > 2
      ? element("path", { class: "line lead", d: `M${at(start)},${at(text)}H${at(end)}` })
      : "";
  const cells = columns.map((column) => {
    const { text: shown, mark } = column.cell(site);
    const named = { class: mark || undefined, "font-size": layout.font };
    return shown === "" ? "" : label(shown, column.x, baseline, named);
  });
  return lead + cells.join("");
}

/** Draws ‖f‖ against ‖x‖: the share of each, and their ratio. */
function bars({ site: { norms }, text, hasText }: Rung, { layout, barX }: Drawing): string {
  if (!norms || barX === null) return "";
  const high = Math.max(2, Math.min(9, layout.rung * 0.5));
  const ratio = norms.branch / norms.skip;
  const share = norms.branch / (norms.branch + norms.skip);
  const wide = Number.isFinite(share) ? BAR * share : 0;
  const box = { y: text - high / 2, height: high };
  return [
    element("rect", { class: "bar-f", x: barX, width: wide, ...box }),
    element("rect", { class: "bar-x", x: barX + wide, width: BAR - wide, ...box }),
    hasText && Number.isFinite(ratio)
      ? label(digits(Number(ratio.toPrecision(2))), barX + BAR + 8, text + layout.font * 0.36, {
          class: "muted",
          "font-size": layout.font,
        })
      : "",
  ].join("");
}
