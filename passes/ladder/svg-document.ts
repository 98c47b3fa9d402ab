import { checkGiven } from "../../src/arguments.ts";
import type { ValuesOf } from "../../src/option-values.ts";
import type { Declared, Given } from "../../src/options.ts";
import { rootClass, styleSheet, type Theme } from "./palette.ts";
import { at, element, titled } from "./svg-text.ts";
import { coloring } from "./theme-option.ts";

/** How something is drawn. */
export interface DrawingOptions extends Given<ValuesOf<typeof coloring>> {
  /** The title; the name of what is drawn by default. */
  readonly title?: string | undefined;
}

const drawingOptions: Declared<DrawingOptions> = {
  ...coloring,
  title: { type: "string" },
};

/** Throws a TypeError or InputError of one sentence for options that do not fit. */
export function checkDrawing(of: string, options: DrawingOptions): void {
  checkGiven(of, options, drawingOptions);
}

interface Content {
  readonly theme: Theme;
  readonly width: number;
  readonly height: number;
  /** What a screen reader says of it. */
  readonly heading: string;
  readonly content: readonly string[];
}

/** Returns an SVG document with its style sheet; it has no script and refers to nothing outside. */
export const svgDocument = ({ theme, width, height, heading, content }: Content): string =>
  element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      class: rootClass(theme),
      viewBox: `0 0 ${at(width)} ${at(height)}`,
      width,
      height,
      style: "max-width:100%;height:auto",
      role: "group",
      "aria-label": heading,
    },
    [
      "",
      titled([heading]),
      `<style>${styleSheet(theme)}</style>`,
      element("rect", { class: "paper", width, height, rx: 8 }),
      ...content,
      "",
    ].join("\n"),
  );
