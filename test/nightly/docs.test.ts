import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import * as api from "laurelize";
import { beforeAll, describe, expect, it } from "vitest";

const root = path.join(import.meta.dirname, "../..");
const docs = path.join(root, "dist/docs");

describe("npm run docs", { timeout: 600_000 }, () => {
  let said = "";
  let pages: string[] = [];
  const text = (page: string) => fs.readFileSync(path.join(docs, page), "utf8");

  beforeAll(() => {
    fs.rmSync(docs, { recursive: true, force: true });
    const shell = process.platform === "win32";
    const ran = spawnSync("npm", ["run", "docs"], { cwd: root, encoding: "utf8", shell });
    said = ran.stdout + ran.stderr;
    expect(ran.status, said).toBe(0);
    pages = fs
      .readdirSync(docs, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".html"));
  }, 600_000);

  it("finds a docstring on everything that is exported", () => {
    expect(said.split("\n").filter((line) => line.includes("[warning]"))).toEqual([]);
  });

  it("has a page for each name of the API, and for each import of the package", () => {
    const named = new Set(pages.map((page) => path.basename(page, ".html").split(".").at(-1)));
    expect(Object.keys(api).filter((name) => !named.has(name))).toEqual([]);
    const { exports } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
    const imports = Object.keys(exports).filter((name) => exports[name].default);
    const modules = pages.filter((page) => path.dirname(page) === "modules");
    expect(modules.map((page) => path.basename(page, ".html")).sort()).toEqual(
      imports.map((name) => name.replace(".", "laurelize").replaceAll("/", "_")).sort(),
    );
  });

  it("says of an option what the command line says", () => {
    const page = text("interfaces/laurelize.LaurelOptions.html").replace(/<[^>]+>/g, "");
    expect(page).toContain("rank of the low-rank maps");
    expect(page).not.toContain("ValueOf");
  });

  it("has no link to a page that is not there", () => {
    const broken = pages.flatMap((page) =>
      [...text(page).matchAll(/ href="([^"#?:]+)[#"?]/g)]
        .map(([, link]) => path.join(path.dirname(page), decodeURIComponent(link)))
        .filter((target) => !fs.existsSync(path.join(docs, target)))
        .map((target) => `${page}: ${target}`),
    );
    expect(pages.length).toBeGreaterThan(100);
    expect(broken).toEqual([]);
  });
});
