import type { coloring } from "./theme-option.ts";

/** Colors of a drawing by their use; the same names in light and dark. */
const COLORS = {
  paper: ["#ffffff", "#0d1117"],
  ink: ["#1f2328", "#e6edf3"],
  muted: ["#59636e", "#9198a1"],
  faint: ["#d1d9e0", "#3d444d"],
  focus: ["#0969da", "#4493f8"],
  map: ["#8250df", "#b58bff"],
  plain: ["#6e7781", "#9198a1"],
  added: ["#1a7f37", "#3fb950"],
  removed: ["#cf222e", "#f85149"],
  changed: ["#9a6700", "#d29922"],
  "below-3": ["#0a4fa8", "#58a6ff"],
  "below-2": ["#3672bd", "#6fa8e6"],
  "below-1": ["#55759a", "#86a3c2"],
  "above-1": ["#8f6743", "#b99a7e"],
  "above-2": ["#b05c18", "#dd914e"],
  "above-3": ["#bc4c00", "#ff9b50"],
} as const;

type Color = keyof typeof COLORS;

export type Theme = (typeof coloring.theme.choices)[number];

/** Rules of the drawing; `{ink}` stands for a color. */
const RULES: readonly (readonly [selector: string, rule: string])[] = [
  ["", "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"],
  [" .paper", "fill:{paper}"],
  [" text", "fill:{ink};white-space:pre"],
  [" .muted", "fill:{muted}"],
  [" .sans", "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"],
  [" .strong", "font-weight:600"],
  [" .line", "fill:none;stroke:{plain};stroke-linecap:round"],
  [" .lead", "stroke:{faint}"],
  [" .map", "stroke:{map}"],
  [" .idle", "stroke:{faint}"],
  [" .sum", "fill:{paper};stroke:{ink}"],
  [" .mark", "fill:{paper};stroke:{ink}"],
  [" .tick", "stroke:{muted};opacity:.65"],
  [" .bar-x", "fill:{plain}"],
  [" .bar-f", "fill:{focus}"],
  [" .unchosen", "opacity:.4"],
  [" .ring", "fill:{focus};fill-opacity:0;stroke:none"],
  [" g:hover>.ring", "fill-opacity:.08"],
  [" g:focus", "outline:none"],
  [" g:focus>.ring", "fill-opacity:.1;stroke:{focus};stroke-width:2"],
  [" .tip", "visibility:hidden"],
  [" g:focus>.tip", "visibility:visible"],
  [" .tip rect", "fill:{paper};stroke:{focus}"],
  [" .card", "fill:none;stroke:{faint}"],
  [" .box", "fill:{paper};stroke:{faint}"],
  ...(["added", "removed", "changed"] as const).flatMap((mark): [string, string][] => [
    [` .line.${mark}`, `stroke:{${mark}}`],
    [` .box.${mark}`, `stroke:{${mark}};stroke-width:1.8;fill:{${mark}};fill-opacity:.1`],
    [` text.${mark}`, `fill:{${mark}}`],
  ]),
  ...(["below", "above"] as const).flatMap((side) =>
    ([1, 2, 3] as const).flatMap((step): [string, string][] => [
      [` .${side}-${step}`, `stroke:{${side}-${step}}`],
      [` text.${side}-${step}`, `fill:{${side}-${step}};stroke:none`],
    ]),
  ),
];

/** Returns the class of a drawing's root, which its rules are limited to. */
export const rootClass = (theme: Theme) => `laurel-ladder-${theme}`;

const variables = (column: 0 | 1) =>
  Object.entries(COLORS)
    .map(([name, pair]) => `--ladder-${name}:${pair[column]}`)
    .join(";");

/**
 * Returns the style sheet of a drawing. Every color is a variable that a page can set on the
 * drawing; a viewer without variables takes the color before it. Print is always light.
 */
export function styleSheet(theme: Theme): string {
  const fixed = theme === "dark" ? 1 : 0;
  const root = `.${rootClass(theme)}`;
  const colors = Object.keys(COLORS).join("|");
  const rules = RULES.map(([selector, rule]) => {
    const written = rule.replace(
      new RegExp(`([a-z-]+):\\{(${colors})\\}`, "g"),
      (_, property: string, name: Color) =>
        `${property}:${COLORS[name][fixed]};${property}:var(--ladder-${name})`,
    );
    return `${root}${selector}{${written}}`;
  });
  return [
    `${root}{${variables(fixed)}}`,
    ...(theme === "auto" ? [`@media (prefers-color-scheme:dark){${root}{${variables(1)}}}`] : []),
    ...rules,
    `@media print{${root}{${variables(0)};print-color-adjust:exact}${root} .tip{visibility:hidden!important}}`,
    `@media (forced-colors:active){${root}{forced-color-adjust:none}}`,
  ].join("\n");
}

/** Distances of a factor from 1 at which its color becomes stronger. */
const STEPS = [0.002, 0.02, 0.1] as const;

/** Returns the class of a factor's color: none near 1, blue below it, orange above. */
export function factorClass(factor: number): string {
  const distance = Math.abs(factor - 1);
  const step = STEPS.filter((least) => distance >= least).length;
  if (step === 0) return "";
  return `${factor < 1 ? "below" : "above"}-${step}`;
}
