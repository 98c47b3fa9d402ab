import {
  drawLadder,
  type FoundResiduals,
  type Laurelized,
  ladderOf,
  type Model,
} from "../../src/index.ts";

/** Draws a model's ladder, as an SVG. */
export const ladderDrawing = (found: FoundResiduals, model: Model): string =>
  drawLadder(ladderOf(found, model));

/** Counts nodes by operator before and after a rewrite, as an HTML table. */
export function differenceDrawing({ original, model }: Laurelized): string {
  const [before, after] = [original, model].map(({ graph }) =>
    countBy(graph.main.nodes.map(({ op }) => op)),
  );
  const rows = [...new Set([...before.keys(), ...after.keys()])].sort().map((op) => {
    const [was, is] = [before.get(op) ?? 0, after.get(op) ?? 0];
    return `<tr${is === was ? "" : ' class="changed"'}><th scope="row">${escaped(op)}</th><td>${was}</td><td>${is}</td></tr>`;
  });
  return `<table><caption>Nodes by operator</caption><thead><tr><th scope="col">operator</th><th scope="col">before</th><th scope="col">after</th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function countBy(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** Text as HTML takes it. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
