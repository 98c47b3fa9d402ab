import { printable } from "../print.ts";

/** Returns an element of the page by its id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as T;
}

type Child = Node | string;

/** Creates an element with properties and children. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(
    ...children.map((child) => (typeof child === "string" ? printable(child) : child)),
  );
  return created;
}

/** Shows or hides an element. */
export const show = (id: string, isShown: boolean): void => {
  byId(id).hidden = !isShown;
};

/** Sets an element's text; characters that change its direction are escaped. */
export const say = (id: string, text: string): void => {
  byId(id).textContent = printable(text);
};

/** Lists sentences. */
export const list = (id: string, sentences: readonly string[]): void =>
  byId(id).replaceChildren(...sentences.map((sentence) => make("li", {}, sentence)));

/** Shows a drawing made by this program, in which the model's text is escaped. */
export const draw = (id: string, drawing: string): void => {
  byId(id).innerHTML = drawing;
};

/** Returns a link that saves bytes as a file. */
export function downloadLink(
  { name, bytes }: { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> },
  text: string,
): HTMLAnchorElement {
  const href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  return make("a", { href, download: name, className: "button primary" }, text);
}

/** Replaces links to files, and frees the files of the former ones. */
export function replaceFiles(id: string, links: readonly HTMLAnchorElement[]): void {
  const place = byId(id);
  for (const { href } of place.querySelectorAll("a")) URL.revokeObjectURL(href);
  place.replaceChildren(...links);
}
