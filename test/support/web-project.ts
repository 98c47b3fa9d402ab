import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { type Browser, chromium } from "playwright-core";
import { chromiumPath } from "../../bin/chromium.ts";
import { ENGINE_FLAGS } from "./engine-flags.ts";

const root = path.join(import.meta.dirname, "../..");

/** Links packages of this repository, and the built package itself, into a project's folder. */
export function linkPackages(folder: string, names: readonly string[]): void {
  fs.writeFileSync(
    path.join(folder, "package.json"),
    '{ "name": "app", "private": true, "type": "module" }',
  );
  for (const name of names) {
    const link = path.join(folder, "node_modules", name);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    const target = name === "laurelize" ? root : path.join(root, "node_modules", name);
    fs.symlinkSync(target, link, "junction");
  }
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves the files of a folder; returns the address, and what ends it. */
export async function serveFolder(folder: string): Promise<{ url: string; close: () => void }> {
  const server = http.createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const file = path.join(folder, decodeURIComponent(pathname));
    if (!fs.existsSync(file) || fs.statSync(file).isDirectory())
      return response.writeHead(404).end();
    const type = TYPES[path.extname(file)] ?? "application/octet-stream";
    return response.setHeader("content-type", type).end(fs.readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

/** The Chromium that tests drive; null if there is none. */
export const testBrowser = chromiumPath();

/** Starts that Chromium; it runs WebAssembly as tests in Node do. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: testBrowser!,
    args: ["--no-sandbox", `--js-flags=${ENGINE_FLAGS.join(" ")}`],
  });
