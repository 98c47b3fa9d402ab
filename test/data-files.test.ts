import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { batches, openDataset, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { withFileLists } from "../bin/file-lists.ts";
import { npzFile } from "../passes/finetune/array-file.ts";
import { readDataset } from "../passes/finetune/data-set.ts";
import type { Expected } from "../passes/finetune/expected.ts";
import { scratch } from "../src/files/node-data.ts";
import { firstNaN, numbersOfBytes } from "../src/graph/tensor.ts";
import { bytesSource } from "../src/onnx/source.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { type NpyArray, npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";

const folder = temporaryFolder();
const at = (name: string) => path.join(folder, name);
const model = await openModel(
  modelOfText(
    `<ir_version: 8, opset_import: ["" : 17]> net (float[N, 2] x) => (int64[K] out) { out = Shape(x) }`,
  ),
);

/** Rows whose x is twice and one more than twice their number, from a number on. */
const part = (from: number, rows: number): Record<string, NpyArray> => ({
  x: [Float32Array.from({ length: 2 * rows }, (_, k) => 2 * from + k), [rows, 2]],
  labels: [BigInt64Array.from({ length: rows }, (_, k) => BigInt(from + k)), [rows]],
});

const rowsOf = (all: ReturnType<typeof batches>) =>
  [...all].map(({ x, labels }) => {
    const rows = [...(labels.data as BigInt64Array)].map(Number);
    expect([...(x.data as Float32Array)]).toEqual(rows.flatMap((row) => [2 * row, 2 * row + 1]));
    return rows;
  });

describe("data of several files", () => {
  const targets = ["labels"];
  fs.mkdirSync(at("parts"));
  for (const [k, from] of [0, 3, 4].entries())
    fs.writeFileSync(at(`parts/part-${k}.npz`), npzOf(part(from, [3, 1, 4][k]), k === 1 ? 0 : 6));
  fs.writeFileSync(at("whole.npz"), npzOf(part(0, 8)));

  it("is read as one stream, in the order given or of a folder's names", async () => {
    const whole = await openDataset(at("whole.npz"), model, { targets });
    const files = [0, 1, 2].map((k) => at(`parts/part-${k}.npz`));
    for (const from of [files, at("parts"), [files[0], ...files.slice(1)]]) {
      const data = await openDataset(from, model, { targets });
      expect(data.rows).toBe(8);
      for (const more of [{}, { shuffle: 3 }, { shuffle: 3, epoch: 2 }])
        expect(rowsOf(batches(data, { ort, batchSize: 3, ...more }))).toEqual(
          rowsOf(batches(whole, { ort, batchSize: 3, ...more })),
        );
    }
    const turned = await openDataset([files[2], files[0]], model, { targets });
    expect(turned.name).toBe("part-2.npz and 1 more");
    expect(rowsOf(batches(turned, { ort, batchSize: 8 }))).toEqual([[4, 5, 6, 7, 0, 1, 2]]);
  });

  it("takes another type in one of them as a wider one", async () => {
    const half: NpyArray = [Uint16Array.from([0x3c00, 0xc000]), [1, 2], "f2"];
    const mixed = [npzOf(part(0, 1)), npzOf({ ...part(5, 1), x: half })];
    const data = await openDataset(mixed, model, { targets });
    const [{ x }] = batches(data, { ort, batchSize: 2 });
    expect([...(x.data as Float32Array)]).toEqual([0, 1, 1, -2]);
    expect(data.notes).toEqual(["array x of the data is float16 and is taken as float."]);
  });

  it.each([
    [
      "a folder without data",
      () => fs.mkdirSync(at("empty"), { recursive: true }),
      /empty does not contain .npz files/,
    ],
    ["a path without a file", () => {}, /empty.* does not exist|does not contain/],
  ])("refuses %s", async (_, make, why) => {
    make();
    await expect(openDataset(at("empty"), model, { targets })).rejects.toThrow(why);
  });

  it("refuses rows of another shape, and names the file", async () => {
    const nonlinear = npzOf({ ...part(0, 1), labels: [BigInt64Array.of(1n, 2n), [1, 2]] });
    const opening = openDataset([npzOf(part(0, 2)), nonlinear], model, { targets });
    await expect(opening).rejects.toThrow(/labels .* has rows of shape \[2\], .* all files must/);
    fs.writeFileSync(
      at("nan.npz"),
      npzOf({ ...part(0, 2), x: [Float32Array.of(0, 1, 2, Number.NaN), [2, 2]] }),
    );
    const holed = openDataset([at("whole.npz"), at("nan.npz")], model, { targets });
    await expect(holed).rejects.toThrow(/x of nan.npz has a NaN in row 1 /);
  });

  it.each([
    ["f16" as const, /type <f16, which models cannot take; save it .astype\("float32"\)\.$/],
    ["V2" as const, /type <V2, .*; save it .astype\("float32"\)\.$/],
    ["U1" as const, /type <U1, which models cannot take; save numbers/],
  ])("says how to save what is of type %s", async (type, why) => {
    const x: NpyArray = [new Uint16Array(2), [1, 2], type];
    const opening = openDataset([npzOf({ ...part(0, 1), x })], model, { targets });
    await expect(opening).rejects.toThrow(why);
  });

  it.each([
    ["c = IsNaN(x)", true],
    ["h = Cast <to = 1> (x) t = Transpose(h) c = IsNaN(t)", true],
    ["h = Exp(x) c = IsNaN(h)", false],
    ["h = Neg(x) c = IsInf(x)", false],
  ])("may have missing values if the model tells them apart: %s is %s", async (text, isTaken) => {
    const asking = await openModel(
      modelOfText(
        `<ir_version: 8, opset_import: ["" : 17]> net (float[N, 2] x) => (bool[a, b] c) { ${text} }`,
      ),
    );
    const x: NpyArray = [Float32Array.of(1, Number.NaN), [1, 2]];
    const opening = openDataset([npzOf({ ...part(0, 1), x })], asking, { targets });
    if (!isTaken) return expect(opening).rejects.toThrow(/has a NaN/);
    const [{ x: read }] = batches(await opening, { ort, batchSize: 1 });
    expect([...(read.data as Float32Array)]).toEqual([1, Number.NaN]);
  });

  it("reads what does not fit into memory from the files, row by row, to the same batches", async () => {
    const expected: Expected[] = [
      { name: "x", role: "input", dtype: "float", shape: ["N", 2] },
      { name: "labels", role: "target", dtype: null, shape: null },
    ];
    for (const level of [0, 6] as const) {
      const bytes = npzOf(part(0, 1000), level);
      let read = 0;
      const source = () => ({
        ...bytesSource(bytes, "large.npz"),
        path: at("large.npz"),
        read: (start: number, end: number) => {
          read = Math.max(read, end - start);
          return bytes.slice(start, end);
        },
      });
      const small = readDataset([npzFile(source(), null)], expected, { free: 1000, scratch });
      read = 0;
      const rows = rowsOf(batches(small, { ort, batchSize: 64, shuffle: 1 }));
      // Stored arrays are read a row at a time, compressed ones from a scratch file.
      expect(read).toBe(level === 0 ? 8 : 0);
      const large = readDataset([npzFile(source(), null)], expected, { free: null, scratch });
      expect(rows).toEqual(rowsOf(batches(large, { ort, batchSize: 64, shuffle: 1 })));
      small.close();
    }
    const nan = npzOf({ ...part(0, 9), x: [new Float32Array(18).fill(Number.NaN, 7), [9, 2]] }, 0);
    const holed = { ...bytesSource(nan, "n.npz"), path: at("n.npz") };
    expect(() => readDataset([npzFile(holed, 1)], expected, { free: 1, scratch })).toThrow(
      /NaN in row 3 /,
    );
  });

  it("leaves no scratch file behind", () => {
    const before = fs.readdirSync(os.tmpdir());
    const source = scratch([Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
    expect([...source.read(1, 4)]).toEqual([2, 3, 4]);
    source.close?.();
    expect(fs.readdirSync(os.tmpdir())).toEqual(before);
  });
});

describe("on the command line", () => {
  it("further .npz files belong to the option before them, and a model does not", () => {
    expect(
      withFileLists([
        "finetune",
        "m.onnx",
        "--data",
        "a.npz",
        "b.npz",
        "--eval=c.npz",
        "d.npz",
        "-e",
        "1",
      ]),
    ).toEqual([
      "finetune",
      "m.onnx",
      "--data",
      "a.npz",
      "--data",
      "b.npz",
      "--eval=c.npz",
      "--eval",
      "d.npz",
      "-e",
      "1",
    ]);
    const plain = ["finetune", "--data", "a.npz", "m.onnx", "--target", "x.npz", "y.npz"];
    expect(withFileLists(plain)).toEqual(plain);
  });
});

describe("numbers in bulk", () => {
  it("finds the first NaN of each type, and takes no infinity for one", () => {
    const bytes = (array: ArrayBufferView) => new Uint8Array(array.buffer);
    const half = bytes(Uint16Array.of(0x7c00, 0xfc00, 0x3c00, 0x7e01, 0xfe00));
    expect([firstNaN("float16", half), firstNaN("float16", half.subarray(0, 6))]).toEqual([
      3,
      null,
    ]);
    for (const [dtype, array] of [
      ["float", Float32Array],
      ["double", Float64Array],
    ] as const) {
      const values = bytes(array.of(Infinity, -Infinity, 1, Number.NaN));
      expect(firstNaN(dtype, values)).toBe(3);
      expect(firstNaN(dtype, bytes(array.of(Infinity, 0)))).toBe(null);
    }
    expect(Array.from(numbersOfBytes("float16", half.subarray(2, 6)))).toEqual([-Infinity, 1]);
  });
});
