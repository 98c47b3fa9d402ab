import fs from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { openAdapter, openModel } from "laurelize";
import { describe, expect, it } from "vitest";
import { openNpz } from "../src/formats/npz.ts";
import { concat } from "../src/onnx/bytes.ts";
import { bytesSource } from "../src/onnx/source.ts";
import { bytesField } from "../src/onnx/wire-writer.ts";
import { cli } from "./support/cli.ts";
import { fixture, temporaryFolder } from "./support/fixture.ts";
import { npzOf } from "./support/npz-file.ts";
import { elsewhere } from "./support/tensor-places.ts";

const scratch = temporaryFolder();
const utf8 = new TextEncoder();
const POINTER = utf8.encode(
  "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n",
);
const model = fixture("pre-norm-mlp");
const numbers = npzOf({ x: [Float32Array.of(1, 2), [2]] });

const zipped = (name: string) =>
  concat([Uint8Array.of(0x50, 0x4b, 3, 4), new Uint8Array(26), utf8.encode(name)]);

describe("a file of another format is named as what it is", () => {
  it.each<[string, Uint8Array, RegExp]>([
    ["a Git LFS pointer", POINTER, /is a Git LFS pointer.*git lfs pull/],
    ["an HTML page", utf8.encode("<!DOCTYPE html><html><body>404"), /is an HTML page/],
    ["another", utf8.encode("\ufeff \n<!-- proxy -->\n<HTML lang=en>"), /is an HTML page/],
    ["a gzip file", gzipSync(model), /is compressed with gzip; unpack it/],
    ["an .npz", numbers, /is an \.npz of arrays/],
    ["a PyTorch file", zipped("net/data.pkl"), /is a PyTorch file; .*torch\.onnx\.export/],
    ["a zip archive", zipped("net.onnx"), /is a zip archive/],
    ["an empty zip archive", Uint8Array.of(0x50, 0x4b, 5, 6, 0, 0), /is a zip archive/],
    ["a pickle", Uint8Array.of(0x80, 2, 0x8a, 10, 1), /is a Python pickle/],
    ["JSON", utf8.encode('{"error": "Repository not found"}'), /is a JSON file/],
  ])("%s", async (_, bytes, word) => {
    const file = path.join(scratch, "m.onnx");
    fs.writeFileSync(file, bytes);
    const { code, stderr } = cli(["inspect", file]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(word)]);
    expect(stderr).toMatch(/^laurelize: m\.onnx is [^\n]+\n$/);
  });

  it("in the place of a model's data", async () => {
    const file = path.join(scratch, "data.onnx");
    fs.writeFileSync(file, concat([model, bytesField(7, bytesField(5, elsewhere("w.data", "c")))]));
    fs.writeFileSync(path.join(scratch, "w.data"), POINTER);
    await expect(openModel(file)).rejects.toThrow(/in w\.data, which is a Git LFS pointer/);
    fs.writeFileSync(path.join(scratch, "w.data"), "version 1 of");
    await expect(openModel(file)).resolves.toBeDefined();
  });

  it("in the place of an adapter, or of examples", async () => {
    await expect(openAdapter(POINTER)).rejects.toThrow(/is a Git LFS pointer/);
    expect(() => openNpz(bytesSource(POINTER, "train.npz"))).toThrow(/is a Git LFS pointer/);
    expect(() => openNpz(bytesSource(gzipSync(numbers), "train.npz"))).toThrow(/with gzip/);
    expect(openNpz(bytesSource(numbers, "train.npz")).names).toEqual(["x"]);
  });

  it("and an array that does not fit into memory is not unpacked", () => {
    const { size } = openNpz(bytesSource(numbers, "train.npz")).array("x");
    const load = (free: number) =>
      openNpz(bytesSource(numbers, "train.npz"), free).array("x").load();
    expect(() => load(size - 1)).toThrow(/takes \d+ B when unpacked, but \d+ B .* free/);
    expect(load(size)).toHaveLength(size);
  });
});
