import { escapeText } from "../../passes/internal.ts";
import {
  diff,
  drawDiff,
  drawLadder,
  type FoundResiduals,
  type Laurelized,
  ladderOf,
  type Model,
} from "../../src/index.ts";

/** Draws a model's ladder, as an SVG. */
export const ladderDrawing = (found: FoundResiduals, model: Model): string =>
  drawLadder(ladderOf(found, model));

/** Draws what a rewrite has changed as an SVG, and counts nodes by operator as an HTML table. */
export async function differenceDrawing({ original, model }: Laurelized): Promise<string> {
  const changes = await diff(original, model);
  const rows = changes.operators.map(
    ({ op, before, after }) =>
      `<tr${after === before ? "" : ' class="changed"'}><th scope="row">${escapeText(op)}</th><td>${before}</td><td>${after}</td></tr>`,
  );
  const head = ["operator", "before", "after"].map((name) => `<th scope="col">${name}</th>`);
  return `${drawDiff(changes, { title: "Before and after" })}<table><caption>Nodes by operator</caption><thead><tr>${head.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}
