import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { batches, openDataset, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);
const words = ["[UNK]", "the", "cat", "dog", "sat", "ran", "on", "mat", "."];
/** A tokenizer of nine words, in the form of Hugging Face's. */
const tokenizer = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [{ id: 0, content: "[UNK]", special: true }],
  normalizer: { type: "Lowercase" },
  pre_tokenizer: { type: "Whitespace" },
  post_processor: null,
  decoder: null,
  model: {
    type: "WordPiece",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(words.map((word, k) => [word, k])),
    unk_token: "[UNK]",
  },
};
const text = "The cat sat on the mat.\nThe dog ran.\n\nThe bird sat.\n";
const recipe = path.join(import.meta.dirname, "recipes/text-to-npz.mjs");
const model = path.join(import.meta.dirname, "cases/finetuning/causal-lm.onnx");

it("a recipe makes a language model's data of text and a tokenizer", async () => {
  fs.writeFileSync(at("tokenizer.json"), JSON.stringify(tokenizer));
  fs.writeFileSync(at("text.txt"), text);
  const make = (...args: string[]) =>
    spawnSync(process.execPath, [recipe, at("tokenizer.json"), at("text.txt"), ...args], {
      encoding: "utf8",
    });
  const packed = make(at("packed.npz"), "5");
  expect([packed.stderr, packed.stdout]).toEqual(["", expect.stringContaining("3 rows of 5")]);
  expect(make(at("lines.npz"), "6", "--lines").stdout).toContain("3 rows of 6");
  expect(make(at("long.npz"), "50").stderr).toContain("15 tokens, fewer than one row of 50");

  const opened = await openModel(model);
  const read = async (file: string, ...targets: string[]) => {
    const data = await openDataset(at(file), opened, { targets });
    const [batch] = batches(data, { ort, batchSize: 3 });
    return (name: string) => Array.from(batch[name].data as BigInt64Array, Number);
  };
  const stream = await read("packed.npz");
  // the cat sat on the / mat . the dog ran / . the [UNK] sat .
  expect(stream("input_ids")).toEqual([1, 2, 4, 6, 1, 7, 8, 1, 3, 5, 8, 1, 0, 4, 8]);
  expect(new Set(stream("attention_mask"))).toEqual(new Set([1]));
  const lines = await read("lines.npz", "labels");
  expect(lines("labels").slice(6, 12)).toEqual([1, 3, 5, 8, -100, -100]);
  expect(lines("attention_mask").slice(6, 12)).toEqual([1, 1, 1, 1, 0, 0]);
});
