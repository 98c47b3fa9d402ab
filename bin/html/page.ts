import { escapeText } from "../../passes/internal.ts";
import { VERSION } from "../../src/version.ts";
import type { Section } from "./markup.ts";

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

/** The style sheet of a report: light, dark and print, without anything to load. */
const PAGE_STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1f2328;--muted:#59636e;--line:#d1d9e0;--band:#f6f8fa;--good:#1a7f37;--bad:#c5221f;--unsure:#8a5a00;--focus:#0969da}
@media (prefers-color-scheme:dark){:root{--paper:#0d1117;--ink:#e6edf3;--muted:#9198a1;--line:#3d444d;--band:#161b22;--good:#3fb950;--bad:#ff7b72;--unsure:#d29922;--focus:#4493f8}
.curve svg{filter:invert(.92) hue-rotate(180deg)}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#1f2328;--muted:#59636e;--line:#d1d9e0;--band:#f6f8fa;--good:#1a7f37;--bad:#c5221f;--unsure:#8a5a00}
.curve svg{filter:none!important}.wide{overflow:visible!important}section{break-inside:auto}h2{break-after:avoid}tr{break-inside:avoid}table{font-size:10px!important;min-width:0!important}th{white-space:normal!important}th,td{padding-right:8px!important}td{overflow-wrap:anywhere!important}td.short,td.number{white-space:nowrap}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:28px}footer{padding:24px 20px 40px;color:var(--muted);font-size:13px}
h1{font-size:24px;margin:0 0 6px;overflow-wrap:anywhere}h2{font-size:18px;margin:32px 0 10px;padding-top:14px;border-top:1px solid var(--line)}
p{margin:6px 0;overflow-wrap:anywhere}ul{margin:6px 0;padding-left:22px}li{overflow-wrap:anywhere}
.verdict{font-size:16px;font-weight:600}.muted{color:var(--muted)}
.passed{color:var(--good)}.failed{color:var(--bad)}.unsure{color:var(--unsure)}
pre{background:var(--band);padding:10px 12px;border-radius:6px;overflow-x:auto;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:10px 0}
table{border-collapse:collapse;font-size:13px;min-width:50%}
caption{text-align:left;color:var(--muted);padding:4px 0}
th,td{text-align:left;vertical-align:top;padding:4px 14px 4px 0;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums;overflow-wrap:break-word;max-width:76ch}
th{font-weight:600;white-space:nowrap}td.number,th.number{text-align:right}
.drawing,.curve{overflow-x:auto}.drawing svg,.curve svg{max-width:100%;height:auto}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
@media screen and (max-width:720px){body{font-size:14px}main,header{padding:0 12px}header{padding-top:20px}.drawing svg,.curve svg{max-width:none!important}}
`;
