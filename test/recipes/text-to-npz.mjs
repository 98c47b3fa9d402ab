/**
 * Recipe: makes the training data of a causal language model from text, with a Hugging Face
 * tokenizer.
 *
 *   npm install @huggingface/tokenizers fflate
 *   node text-to-npz.mjs tokenizer.json text.txt train.npz 128
 *   laurelize finetune model.onnx --data train.npz --loss cross-entropy --target input_ids
 *
 * The text becomes one stream of token ids, cut into rows of 128; what is left over at the end is
 * not written. With --lines each line is a row of its own, padded at its end, and `labels` are the
 * token ids with -100 where a row is padded:
 *
 *   node text-to-npz.mjs tokenizer.json text.txt train.npz 128 --lines
 *   laurelize finetune model.onnx --data train.npz --loss cross-entropy --target labels --shift 1
 */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "@huggingface/tokenizers";
import { zipSync } from "fflate";

/** A label that does not count. */
const IGNORED = -100;

/** Reads a tokenizer from its tokenizer.json and, if there is one, the tokenizer_config.json beside it. */
export function readTokenizer(file) {
  const config = path.join(path.dirname(file), "tokenizer_config.json");
  const json = (name) => JSON.parse(fs.readFileSync(name, "utf8"));
  return new Tokenizer(json(file), fs.existsSync(config) ? json(config) : {});
}

/** Token ids of a text as full rows of one length: arrays of an .npz by name. */
export function packed(tokenizer, text, length) {
  const { ids } = tokenizer.encode(text);
  const rows = Math.floor(ids.length / length);
  if (rows === 0)
    throw new Error(`the text has ${ids.length} tokens, fewer than one row of ${length}`);
  const used = ids.slice(0, rows * length);
  return {
    input_ids: { values: used, rows },
    attention_mask: { values: used.map(() => 1), rows },
  };
}

/** Each line's token ids as a row, cut or padded at its end to one length. */
export function padded(tokenizer, text, length, pad = 0) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const all = lines.map((line) => tokenizer.encode(line).ids.slice(0, length));
  const filled = (make, filler) =>
    all.flatMap((ids) => [...ids.map(make), ...Array(length - ids.length).fill(filler)]);
  return {
    input_ids: { values: filled((id) => id, pad), rows: all.length },
    attention_mask: { values: filled(() => 1, 0), rows: all.length },
    labels: { values: filled((id) => id, IGNORED), rows: all.length },
  };
}

/** An .npz of int64 arrays, stored as they are: larger data is then read as it is needed. */
export function npz(arrays) {
  const files = Object.entries(arrays).map(([name, { values, rows }]) => {
    const shape = `(${rows}, ${values.length / rows})`;
    const text = `{'descr': '<i8', 'fortran_order': False, 'shape': ${shape}, }`;
    const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11);
    const start = Buffer.from(`\x93NUMPY\x01\0\0\0${header}\n`, "latin1");
    start.writeUInt16LE(header.length + 1, 8);
    const numbers = BigInt64Array.from(values, BigInt);
    return [`${name}.npy`, new Uint8Array(Buffer.concat([start, Buffer.from(numbers.buffer)]))];
  });
  return zipSync(Object.fromEntries(files), { level: 0 });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [tokenizerFile, textFile, output, length = "128"] = process.argv
    .slice(2)
    .filter((argument) => argument !== "--lines");
  if (!output) {
    console.error("usage: text-to-npz.mjs tokenizer.json text.txt train.npz [length] [--lines]");
    process.exit(2);
  }
  const make = process.argv.includes("--lines") ? padded : packed;
  const arrays = make(
    readTokenizer(tokenizerFile),
    fs.readFileSync(textFile, "utf8"),
    Number(length),
  );
  fs.writeFileSync(output, npz(arrays));
  const { rows, values } = arrays.input_ids;
  console.log(`wrote ${output}: ${rows} rows of ${values.length / rows} tokens`);
}
