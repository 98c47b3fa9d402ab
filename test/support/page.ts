import fs from "node:fs";
import path from "node:path";
import axe from "axe-core";
import type { BrowserContext, Page } from "playwright-core";
import { build, type PreviewServer, preview } from "vite";
import { launchBrowser } from "./web-project.ts";

const root = path.join(import.meta.dirname, "../../bin/page");

/** The built page, served, and open in a real browser. */
export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Where it is served, with a slash at the end. */
  readonly url: string;
  /** The folder that is served. */
  readonly folder: string;
  /** Every address that was asked for. */
  readonly requests: readonly string[];
  /** Errors of the page and of its console. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

/** Builds the page into a folder, serves it and opens it in Chromium. */
export async function openPage(folder: string): Promise<OpenPage> {
  await build({ root, build: { outDir: folder }, logLevel: "error" });
  const server: PreviewServer = await preview({
    root,
    build: { outDir: folder },
    preview: { port: 0 },
    logLevel: "error",
  });
  const url = server.resolvedUrls!.local[0];
  const browser = await launchBrowser();
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const requests: string[] = [];
  const errors: string[] = [];
  context.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(url);
  const close = async () => {
    await browser.close();
    await server.close();
  };
  return { page, context, url, folder, requests, errors, close };
}

/** Drops files onto the page, as from a file manager. */
export async function dropFiles(page: Page, files: readonly string[]): Promise<void> {
  const given = files.map((file) => [path.basename(file), fs.readFileSync(file, "base64")]);
  await page.evaluate(async (all) => {
    const transfer = new DataTransfer();
    for (const [name, data] of all) {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    const event = new DragEvent("drop", {
      dataTransfer: transfer,
      bubbles: true,
      cancelable: true,
    });
    document.querySelector("#drop")!.dispatchEvent(event);
  }, given);
}

/** Waits until one of the elements shows a text; returns it. */
export async function textIn(page: Page, ...selectors: readonly string[]): Promise<string> {
  const shown = await page.waitForFunction(
    (all) =>
      all
        .map((each) => document.querySelector<HTMLElement>(each))
        .find((element) => element?.checkVisibility() && element.textContent)?.textContent,
    selectors,
  );
  return String(await shown.jsonValue())
    .replace(/\s+/g, " ")
    .trim();
}

/** Goes to an element with the Tab key, and presses a key there. */
export async function press(page: Page, id: string, key: string): Promise<void> {
  const focused = () => page.evaluate(() => document.activeElement?.id);
  for (let k = 0; (await focused()) !== id; k++) {
    if (k > 100) throw new Error(`the Tab key does not reach #${id}`);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press(key);
}

/** Clicks a link and returns the bytes and the name of what is saved. */
export async function saved(page: Page, selector: string): Promise<[name: string, Uint8Array]> {
  const waiting = page.waitForEvent("download");
  await page.click(selector);
  const download = await waiting;
  return [download.suggestedFilename(), fs.readFileSync(await download.path())];
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

/**
 * What axe-core finds wrong: all of its rules in light, and contrast in dark at a phone's width; and
 * whether the page is wider than the phone.
 */
export async function flaws(page: Page, state: string, within = "body"): Promise<string[]> {
  const found: string[] = [];
  const size = page.viewportSize()!;
  await page.evaluate(axe.source);
  for (const [colorScheme, width, rules] of [
    ["light", size.width, {}],
    ["dark", 360, { runOnly: ["color-contrast"] }],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: size.height });
    const run = `axe.run(${JSON.stringify(within)}, ${JSON.stringify(rules)})`;
    const { violations } = (await page.evaluate(run)) as { violations: Violation[] };
    for (const { id, nodes } of violations)
      for (const { html, failureSummary } of nodes)
        found.push(`${state}, ${colorScheme}: ${id}: ${html.slice(0, 200)} ${failureSummary}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) found.push(`${state}: ${wide} pixels wide at ${width}`);
    await screenshot(page, `${state}-${colorScheme}-${width}`);
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(size);
  return found;
}

/** Keeps a picture of the page if LAURELIZE_SCREENSHOTS names a folder. */
async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.LAURELIZE_SCREENSHOTS;
  if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}
