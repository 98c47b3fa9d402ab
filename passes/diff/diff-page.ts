import { grouped } from "../../src/figures.ts";
import type { DrawingOptions } from "../ladder/svg-document.ts";
import { escapeText } from "../ladder/svg-text.ts";
import { checkDiff, type ModelDiff } from "./diff.ts";
import { drawDiff } from "./draw-diff.ts";

const STYLE = `
:root{color-scheme:light dark}
body{margin:24px auto;max-width:1400px;padding:0 16px;font:15px/1.5 system-ui,sans-serif;color:light-dark(#1f2328,#e6edf3);background:light-dark(#ffffff,#0d1117)}
.drawing{overflow-x:auto}
.drawing svg{max-width:none!important}
table{border-collapse:collapse;font:12px/1.6 ui-monospace,monospace}
th,td{text-align:left;padding:2px 14px 2px 0;vertical-align:top}
h1{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);margin:0}
summary{cursor:pointer;margin-top:12px}
@media print{.drawing svg{max-width:100%!important}}
`;

/**
 * Returns a diff as one HTML document without script or reference to anything outside: the drawing,
 * and tables of all nodes and weights that differ. The same diff gives the same text.
 */
export function diffPage(diff: ModelDiff, options: DrawingOptions = {}): string {
  checkDiff("diffPage", diff);
  const drawing = drawDiff(diff, options);
  const title = options.title ?? `${diff.before.name} → ${diff.after.name}`;
  const nodes = diff.nodes.map(({ change, op, name, scope, region }) => [
    change,
    op,
    name,
    scope === "main" ? "" : scope,
    region ?? "",
  ]);
  const weights = diff.weights.map(({ change, name, dtype, shape, how }) => [
    change,
    name,
    `${dtype ?? ""} [${shape?.join(", ") ?? ""}]`,
    how ?? "",
  ]);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeText(title)}</h1>
<div class="drawing" tabindex="0" role="region" aria-label="drawing">
${drawing}
</div>
${table("Nodes", ["change", "operator", "name", "inside", "region"], nodes)}
${table("Weights", ["change", "name", "type", "difference"], weights)}
</main>
</body>
</html>
`;
}

function table(caption: string, heads: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return "";
  const row = (cells: readonly string[]) =>
    `<tr>${cells.map((cell) => `<td>${escapeText(cell)}</td>`).join("")}</tr>`;
  const head = heads.map((each) => `<th scope="col">${each}</th>`).join("");
  return `<details><summary>${caption} that differ: ${grouped(rows.length)}</summary>
<div class="drawing"><table><thead><tr>${head}</tr></thead><tbody>
${rows.map(row).join("\n")}
</tbody></table></div></details>`;
}
