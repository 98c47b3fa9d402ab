/** Characters that XML cannot hold, that would move other text, or that cannot be seen. */
const UNSEEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Returns text with control characters as visible codes: "\u{1b}". */
const visibleText = (text: string): string =>
  text.replace(UNSEEN, (mark) => `\\u{${mark.codePointAt(0)!.toString(16)}}`);

/** Escapes text for the content and the attributes of XML and HTML. */
export const escapeText = (text: string): string =>
  visibleText(text).replace(/[&<>"']/g, (mark) => ENTITIES[mark]);

/** Shortens text in its middle to a number of characters. */
export function shortened(text: string, limit: number): string {
  const marks = [...visibleText(text)];
  if (marks.length <= limit) return marks.join("");
  const end = Math.floor((limit - 1) / 2);
  return `${marks.slice(0, limit - 1 - end).join("")}…${marks.slice(marks.length - end).join("")}`;
}

/** Formats a coordinate with at most one decimal. */
export const at = (value: number): string => String(Math.round(value * 10) / 10 || 0);

/** Attributes of an element; absent ones are left out. */
type SvgAttributes = Readonly<Record<string, string | number | undefined>>;

/** Writes an element. `content` is markup already; attributes are escaped. */
export function element(name: string, attributes: SvgAttributes, content?: string): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) => ` ${key}="${typeof value === "number" ? at(value) : escapeText(value!)}"`,
    )
    .join("");
  return content === undefined ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

/** Writes the title that a mouse shows, a line each. */
export const titled = (lines: readonly string[]): string =>
  `<title>${lines.map(escapeText).join("\n")}</title>`;

/** Writes a group of list items; nothing if there are none. */
export const listGroup = (name: string, items: readonly string[]): string[] =>
  items.length === 0
    ? []
    : [element("g", { role: "list", "aria-label": name }, `\n${items.join("\n")}\n`)];

/** Writes a list item that the keyboard reaches, with its details as a title. */
export const listItem = (
  attributes: SvgAttributes,
  details: readonly string[],
  content: readonly string[],
): string =>
  element(
    "g",
    { role: "listitem", tabindex: "0", ...attributes },
    [titled(details), ...content].join(""),
  );

/** Writes a line of a kind, such as "tick". */
export const line = (
  mark: string,
  d: string,
  width: number,
  attributes: SvgAttributes = {},
): string =>
  element("path", { class: `line ${mark}`.trim(), d, "stroke-width": width, ...attributes });

/** Writes a text element. */
export const label = (text: string, x: number, y: number, attributes: SvgAttributes = {}): string =>
  element("text", { x, y, ...attributes }, escapeText(text));
