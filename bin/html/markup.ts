import { escapeText } from "../../passes/internal.ts";

/** A part of a page. */
export interface Section {
  readonly title: string;
  readonly content: string;
}

/** What a cell of a table holds: text, a number, or an outcome as a mark. */
export type CellValue = string | number | boolean | null;

/** Returns a paragraph of text. */
export const paragraph = (text: string): string => `<p>${escapeText(text)}</p>`;

/** Returns a list of texts. */
export const bullets = (texts: readonly string[]): string =>
  `<ul>${texts.map((text) => `<li>${escapeText(text)}</li>`).join("")}</ul>`;

/** Returns lines as they are, such as a command. */
export const lines = (text: string): string => `<pre tabindex="0">${escapeText(text)}</pre>`;

/** The columns of a table: what each shows of a row, by its head. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => CellValue>>;

/** Returns a table that scrolls if it is wide. Numbers are aligned to the right. */
export function table<Row>(caption: string, items: readonly Row[], columns: Columns<Row>): string {
  const heads = Object.keys(columns);
  const rows = items.map((item) => Object.values(columns).map((valueIn) => valueIn(item)));
  const right = heads.map((_, k) => rows.every((row) => typeof row[k] === "number"));
  const mark = (k: number) => (right[k] && rows.length > 0 ? ' class="number"' : "");
  const head = heads.map((text, k) => `<th scope="col"${mark(k)}>${escapeText(text)}</th>`);
  const body = rows.map(
    (row) =>
      `<tr>${row.map((value, k) => `<td${mark(k) || short(value)}>${cell(value)}</td>`).join("")}</tr>`,
  );
  return [
    `<div class="wide" role="region" tabindex="0" aria-label="${escapeText(caption)}"><table>`,
    `<caption>${escapeText(caption)}</caption>`,
    `<thead><tr>${head.join("")}</tr></thead>`,
    `<tbody>${body.join("\n")}</tbody></table></div>`,
  ].join("\n");
}

/** Returns a section that is a table; none if it would have no rows. */
export const tableSection = <Row>(
  title: string,
  caption: string,
  rows: readonly Row[],
  columns: Columns<Row>,
): Section[] => (rows.length === 0 ? [] : [{ title, content: table(caption, rows, columns) }]);

/** Length in characters up to which text stays in one line, in print too. */
const SHORT = 12;

const short = (value: CellValue) =>
  typeof value === "string" && value !== "" && value.length <= SHORT ? ' class="short"' : "";

function cell(value: CellValue): string {
  if (value === null) return "";
  if (typeof value === "number") return escapeText(numberText(value));
  if (typeof value === "string") return escapeText(value);
  return value ? '<span class="passed">✓ passed</span>' : '<span class="failed">✗ failed</span>';
}

/** Returns a number for people: 4,238, 0.9873, 3.1e-6. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const digits = Number(value.toPrecision(4));
  return Math.abs(digits) < 1e-3 || Math.abs(digits) >= 1e6
    ? digits.toExponential(2)
    : String(digits);
}
