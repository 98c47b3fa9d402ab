import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { publint } from "publint";
import { beforeAll, describe, expect, it } from "vitest";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { DEPENDENCIES } from "./support/installed.ts";
import { isNightly } from "./support/sweep.ts";
import { linkPackages } from "./support/web-project.ts";

const root = path.join(import.meta.dirname, "..");
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const TARBALL = `laurelize-${manifest.version}.tgz`;

const CONSUMER = `
/// <reference types="laurelize/client" />
import model, { data, wasmPaths } from "./model.onnx?laurel=rw+lr&rank=8";
import adapted from "./model.onnx?adapter=./a.safetensors";
import folded from "./model.onnx?include=*layer3*&laurel=rw&fold";
import {
  type Check, type Laurelized, type Model, type Proof, type Site,
  findResiduals, InputError, laurelize, openModel, saveModel, prove,
} from "laurelize";
import { defineConfig } from "laurelize/config";
import * as ort from "onnxruntime-node";

export default defineConfig({ recipes: { small: { variant: "rw", include: ["*layer3*"], epochs: 5 } } });

export async function tune(path: string): Promise<readonly Site[]> {
  const model: Model = await openModel(path);
  const { sites } = await findResiduals(model, { ort });
  const result: Laurelized = await laurelize(model, { ort, variant: "rw+lr", rank: 8, include: ["*layer3*"] });
  const proof: Proof = await prove(result, { ort, dims: { batch: 2 } });
  const failed: readonly Check[] = proof.checks.filter(({ outcome }) => outcome !== "passed");
  if (failed.length > 0) throw new InputError(failed.map(({ name }) => name).join());
  await saveModel(result.model, "out.onnx");
  return sites;
}

export const imported: readonly string[] = [model, adapted, folded, ...data.map((each) => each.path + each.data)];
export const wasm: string | undefined = wasmPaths?.wasm;

// @ts-expect-error: onnxruntime is handed in, never assumed
export const forgotten = async (model: Model) => laurelize(model, { variant: "rw" });
// @ts-expect-error: a rank is a number
export const mistyped = async (model: Model) => laurelize(model, { ort, rank: "16" });
`;

describe("the packed package", { timeout: 180_000 }, () => {
  const folder = temporaryFolder();
  const installed = path.join(folder, "node_modules/laurelize");
  let files: string[];

  const run = (command: string, args: string[]) => {
    const shell = process.platform === "win32";
    const ran = spawnSync(command, args, { cwd: folder, encoding: "utf8", shell });
    expect(ran.status, ran.stdout + ran.stderr).toBe(0);
    return ran.stdout;
  };
  const tool = (name: string) => path.join(root, "node_modules/.bin", name);

  /** Copies what npm would pack, with packages that are there: npm itself packs at night. */
  const copyPackage = () => {
    linkPackages(folder, DEPENDENCIES);
    for (const name of ["package.json", "README.md", "LICENSE", ...manifest.files])
      fs.cpSync(path.join(root, name), path.join(installed, name), { recursive: true });
  };

  beforeAll(() => {
    fs.writeFileSync(path.join(folder, "package.json"), '{ "type": "module", "private": true }');
    if (isNightly) {
      run("npm", ["pack", root, "--ignore-scripts"]);
      const quick = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
      run("npm", ["install", ...quick, TARBALL]);
    } else copyPackage();
    files = fs
      .readdirSync(installed, { recursive: true, encoding: "utf8" })
      .filter((name) => fs.statSync(path.join(installed, name)).isFile())
      .filter((name) => !name.startsWith("node_modules"));
  }, 180_000);

  it("holds what runs and what types it, its source maps and licenses, and nothing else", () => {
    const beside = [
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "THIRD-PARTY-NOTICES.txt",
      "dist/bin/distributed/README.md",
      "dist/bin/distributed/train.py",
      "dist/bin/help.json",
      "dist/bin/run-here.json",
      "package.json",
    ];
    const built = /^dist\/(src|passes|bin)\/[\w/-]+(\.d\.ts|\.js|\.js\.map)$/;
    expect(files.filter((file) => !built.test(file)).sort()).toEqual([...beside].sort());
    for (const file of files.filter((name) => name.endsWith(".js"))) {
      // The parts that esbuild writes the command line into have no types; nothing imports them.
      if (!/\/child-\w+\.js$/.test(file)) expect(files).toContain(file.replace(/\.js$/, ".d.ts"));
      const map = /\n\/\/# sourceMappingURL=(\S+)\s*$/.exec(
        fs.readFileSync(path.join(installed, file), "utf8"),
      );
      expect(map?.[1], file).toBe(`${path.basename(file)}.map`);
      expect(files).toContain(`${file}.map`);
    }
  });

  it("names the license of everything that is bundled into it", () => {
    const notices = fs.readFileSync(path.join(root, "THIRD-PARTY-NOTICES.txt"), "utf8");
    const bundled = files
      .filter((file) => /^dist\/bin\/.*\.js\.map$/.test(file))
      .flatMap((file) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8")).sources)
      .flatMap((source: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []);
    expect(bundled).toContain("echarts");
    for (const name of new Set(bundled)) expect(notices).toMatch(new RegExp(`^${name} \\d`, "m"));
  });

  it("says in one sentence how to get onnxruntime-node, which is optional, if it is missing", () => {
    expect(Object.keys(manifest.optionalDependencies)).toEqual(["onnxruntime-node"]);
    fs.writeFileSync(path.join(folder, "small.onnx"), fixture("pre-norm-mlp"));
    const [there, away] = ["onnxruntime-node", "away"].map((name) =>
      path.join(folder, "node_modules", name),
    );
    fs.renameSync(there, away);
    try {
      const bin = path.join(installed, manifest.bin.laurelize);
      const ran = spawnSync(process.execPath, [bin, "inspect", "small.onnx"], {
        cwd: folder,
        encoding: "utf8",
      });
      expect([ran.status, ran.stdout]).toEqual([2, ""]);
      expect(ran.stderr).toContain("ONNXRUNTIME_NODE_INSTALL=skip npm i onnxruntime-node");
      expect(ran.stderr.trim().split("\n")).toHaveLength(1);
    } finally {
      fs.renameSync(away, there);
    }
  });

  it("gives a laurelize that shows its help and rewrites a model", () => {
    const [program, ...first] = isNightly
      ? [path.join(folder, "node_modules/.bin/laurelize")]
      : [process.execPath, path.join(installed, manifest.bin.laurelize)];
    const laurelize = (...words: string[]) => run(program, [...first, ...words]);
    expect(laurelize("--help")).toContain("laurelize inspect <model..>");
    expect(laurelize("--version").trim()).toBe(manifest.version);
    fs.writeFileSync(path.join(folder, "small.onnx"), fixture("pre-norm-mlp"));
    expect(laurelize("small.onnx")).toContain("wrote small.laurel.onnx");
    expect(fs.existsSync(path.join(folder, "small.laurel.onnx"))).toBe(true);
  });

  it.each([["nodenext", "nodenext"], ...(isNightly ? [["esnext", "bundler"]] : [])])(
    "types that a consumer's tsc --strict accepts, module %s, resolution %s",
    (module, moduleResolution) => {
      fs.writeFileSync(path.join(folder, "consumer.ts"), CONSUMER);
      const compilerOptions = {
        module,
        moduleResolution,
        strict: true,
        noEmit: true,
        types: [],
        target: "es2022",
      };
      const project = path.join(folder, `tsconfig.${moduleResolution}.json`);
      fs.writeFileSync(project, JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
      run(tool("tsc"), ["-p", project]);
    },
  );

  it("types that TypeScript before 5.7 reads, where arrays of bytes have no parameter", () => {
    const seen = new Set<string>();
    const walk = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = fs.readFileSync(path.join(installed, file), "utf8");
      expect(text, file).not.toMatch(/Array<ArrayBuffer/);
      for (const [, to] of text.matchAll(/(?:from |import\()"(\.[^"]+)\.ts"/g))
        walk(path.join(path.dirname(file), `${to}.d.ts`));
    };
    for (const { types } of Object.values<{ types?: string }>(manifest.exports))
      if (types) walk(types);
    expect(seen.size).toBeGreaterThan(100);
  });

  it("has nothing that publint objects to, nor attw at night", async () => {
    const { messages } = await publint({ pkgDir: installed, pack: false, strict: true });
    expect(messages).toEqual([]);
    if (isNightly) run(tool("attw"), [TARBALL, "--profile", "esm-only", "--no-definitely-typed"]);
  });

  it("says its version in one place", async () => {
    expect((await import("laurelize")).VERSION).toBe(manifest.version);
  });
});
