import { escapeText } from "../../src/internal.ts";
import { VERSION } from "../../src/version.ts";
import type { Section } from "./markup.ts";
import { PAGE_STYLE } from "./page-style.ts";

/** How a result turned out: its mark, its color, and a sentence. */
export interface ReportVerdict {
  readonly outcome: "passed" | "failed" | "unsure";
  readonly text: string;
}

const MARKS = { passed: "✓", failed: "✗", unsure: "?" } as const;

/** Returns a page as one document that loads nothing. The same content gives the same text. */
export function pageOf(
  title: string,
  verdict: ReportVerdict,
  sections: readonly Section[],
): string {
  const body = sections.map(
    ({ title: heading, content }) =>
      `<section>\n<h2>${escapeText(heading)}</h2>\n${content}\n</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:"/>
<title>${escapeText(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escapeText(title)}</h1>
<p class="verdict ${verdict.outcome}">${MARKS[verdict.outcome]} ${escapeText(verdict.text)}</p>
</header>
<main>
${body.join("\n")}
</main>
<footer>Written by laurelize ${VERSION}. This page has no script and loads nothing.</footer>
</body>
</html>
`;
}
