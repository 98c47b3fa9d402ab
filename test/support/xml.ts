/** An element of an XML document. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (XmlElement | string)[];
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" },
};

function plain(text: string): string {
  if (/</.test(text)) throw new Error(`a bare < in ${text.slice(0, 80)}`);
  return text.replace(/&([^;]*);?/g, (whole, name) => {
    if (!whole.endsWith(";") || !(name in ENTITIES)) throw new Error(`unknown ${whole}`);
    return ENTITIES[name];
  });
}

/**
 * Reads a document strictly: an error for a character that XML forbids, an unknown entity, an
 * attribute that is given twice or without quotes, and tags that do not match.
 */
export function xmlOf(document: string): XmlElement {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML forbids.
  const forbidden = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/u.exec(document);
  if (forbidden) throw new Error(`a forbidden character at ${forbidden.index}`);
  const root = { name: "", attributes: {}, children: [] as (XmlElement | string)[] };
  const open = [root];
  const text = document.replace(/^<!doctype html>\s*/i, "");
  const tags = /<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/y;
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf("<", at);
    const until = next < 0 ? text.length : next;
    if (until > at) open.at(-1)!.children.push(plain(text.slice(at, until)));
    if (next < 0) break;
    tags.lastIndex = next;
    const tag = tags.exec(text);
    if (!tag) throw new Error(`no tag: ${text.slice(next, next + 80)}`);
    const [whole, closing, name, given, empty] = tag;
    at = next + whole.length;
    if (closing) {
      if (open.pop()!.name !== name) throw new Error(`</${name}> closes another element`);
      continue;
    }
    const attributes: Record<string, string> = {};
    for (const [, key, value] of given.matchAll(/([\w:-]+)="([^"]*)"/g)) {
      if (key in attributes) throw new Error(`${key} is given twice`);
      attributes[key] = plain(value);
    }
    const element = { name, attributes, children: [] };
    open.at(-1)!.children.push(element);
    if (!empty) open.push(element);
  }
  if (open.length > 1) throw new Error(`${open.at(-1)!.name} is not closed`);
  const elements = root.children.filter((child) => typeof child !== "string" || child.trim());
  const [only] = elements;
  if (elements.length !== 1 || typeof only === "string") throw new Error("not one root element");
  return only;
}

/** Every element within an element, itself included, that fits. */
export function elementsIn(
  element: XmlElement,
  fits: (element: XmlElement) => boolean,
): XmlElement[] {
  const inside = element.children.flatMap((child) =>
    typeof child === "string" ? [] : elementsIn(child, fits),
  );
  return fits(element) ? [element, ...inside] : inside;
}

/** The text within an element, that of its children included. */
export const textWithin = ({ children }: XmlElement): string =>
  children.map((child) => (typeof child === "string" ? child : textWithin(child))).join("");
