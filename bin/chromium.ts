import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import type { Browser } from "playwright-core";

/** Where onnxruntime put the nodes of a model in a browser, by its own verbose log. */
export interface Placement {
  readonly entry: string;
  /** Nodes by execution provider: names, or their number if all are on one. */
  readonly providers: Readonly<
    Record<string, { readonly count: number; readonly nodes: string[] }>
  >;
  /** Why there is no session; null if there is one. */
  readonly error: string | null;
}

interface Served {
  /** onnxruntime-web's dist folder, and the script of it that is loaded. */
  readonly dist: string;
  readonly entry: string;
  readonly script: string;
  /** The model, and its data files by name. */
  readonly model: string;
  readonly data: readonly string[];
}

const BROWSERS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** Returns the path of the installed Chromium, or CHROME_PATH; null if there is none. */
export const chromiumPath = (): string | null =>
  [process.env.CHROME_PATH ?? "", ...BROWSERS].find((file) => file !== "" && fs.existsSync(file)) ??
  null;

/** Flags for WebGPU, even without a graphics card; onnxruntime-web is not optimized for one run. */
const FLAGS = [
  "--js-flags=--liftoff-only",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-webgpu-adapter=swiftshader",
  "--use-vulkan=swiftshader",
];
/** Milliseconds that a session may take. */
const TIMEOUT = 120_000;

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const page = ({ script, data }: Served) => `<script type="module">
import * as ort from "/dist/${script}";
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "verbose";
ort.env.wasm.wasmPaths = "/dist/";
const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
window.placed = async () => {
  if (!(await navigator.gpu?.requestAdapter())) return "the browser has no WebGPU adapter here";
  const externalData = [];
  for (const path of ${JSON.stringify(data)})
    externalData.push({ path, data: await bytes("/data/" + encodeURIComponent(path)) });
  const options = { executionProviders: ["webgpu"], externalData, logSeverityLevel: 0, logVerbosityLevel: 1 };
  try {
    await (await ort.InferenceSession.create(await bytes("/model"), options)).release();
    return null;
  } catch (error) {
    return String(error.message ?? error).split("\\n")[0];
  }
};
</script>`;

/**
 * Makes a WebGPU session on each model in Chromium and reads where onnxruntime put each node. Empty
 * if there is no Chromium, or no playwright-core to drive it. Chromium writes into a home of its
 * own, which is removed.
 */
export async function placementsOf(models: readonly Served[]): Promise<Placement[]> {
  const executablePath = chromiumPath();
  const playwright = await import("playwright-core").catch(() => null);
  if (!executablePath || !playwright) return [];
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "laurelize-chromium-"));
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  let browser: Browser | undefined;
  try {
    browser = await playwright.chromium.launch({ executablePath, args: FLAGS, env });
    const placements: Placement[] = [];
    for (const served of models)
      placements.push(await placementIn(browser, served).catch((error) => failed(served, error)));
    return placements;
  } catch (error) {
    return models.map((served) => failed(served, error as Error));
  } finally {
    await browser?.close();
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

const failed = ({ entry }: Served, { message }: Error): Placement => ({
  entry,
  providers: {},
  error: message.split("\n")[0],
});

async function placementIn(browser: Browser, served: Served): Promise<Placement> {
  const server = await serve(served);
  try {
    const { port } = server.address() as AddressInfo;
    const tab = await browser.newPage();
    const lines: string[] = [];
    tab.on("console", (message) => lines.push(message.text()));
    await tab.goto(`http://127.0.0.1:${port}/`);
    await tab.waitForFunction("window.placed", null, { timeout: TIMEOUT });
    const error = (await tab.evaluate("window.placed()")) as string | null;
    await tab.close();
    return { entry: served.entry, providers: readPlacements(lines), error };
  } finally {
    server.close();
  }
}

async function serve(served: Served): Promise<http.Server> {
  const { dist, model, data } = served;
  const files = new Map([
    ["/model", model],
    ...data.map(
      (name) =>
        [`/data/${encodeURIComponent(name)}`, path.join(path.dirname(model), name)] as const,
    ),
  ]);
  const server = http.createServer(({ url = "/" }, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    if (url === "/") return response.setHeader("content-type", "text/html").end(page(served));
    const file = files.get(url) ?? path.join(dist, path.basename(url));
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    const type = url.endsWith(".wasm") ? "application/wasm" : "text/javascript";
    response.setHeader("content-type", type);
    return fs.createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Reads "Node(s) placed on [P]. Number of nodes: 2" and the lines of nodes that follow it. */
export function readPlacements(lines: readonly string[]): Placement["providers"] {
  const providers: Record<string, { count: number; nodes: string[] }> = {};
  let current: string[] | null = null;
  for (const line of lines) {
    if (!line.includes("VerifyEachNodeIsAssignedToAnEp]")) continue;
    const [, provider, count] = /placed on \[(\w+)\]\. Number of nodes: (\d+)/.exec(line) ?? [];
    const [, node] = /AnEp\]\s+(\w+ \(.*\))\s*$/.exec(line) ?? [];
    if (provider !== undefined) {
      current = [];
      providers[provider] = { count: Number(count), nodes: current };
    } else if (node !== undefined) current?.push(node);
  }
  return providers;
}
