import fs from "node:fs";
import path from "node:path";
import { zipSync } from "fflate";
import { batches, openDataset, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { npzFile } from "../passes/finetune/array-file.ts";
import { checkLabels, isClass } from "../passes/finetune/check-target.ts";
import { type Dataset, readDataset } from "../passes/finetune/data-set.ts";
import { bytesSource } from "../src/onnx/source.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { type NpyArray, npzOf } from "./support/npz-file.ts";
import { NUMPY_FILES, NUMPY_ODDITIES } from "./support/numpy-files.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { swept } from "./support/sweep.ts";

const folder = temporaryFolder();

/** A model with these inputs, of which it makes nothing much. */
const modelWith = (inputs: string) =>
  openModel(
    modelOfText(
      `<ir_version: 8, opset_import: ["" : 17]>
       net (${inputs}) => (int64[K] out) { out = Shape(${/\] (\w+)/.exec(inputs)![1]}) }`,
    ),
  );

const open = async (inputs: string, file: Uint8Array | string, targets: string[] = ["labels"]) =>
  openDataset(file, await modelWith(inputs), { targets });

/** Checks the array `labels` of a data set as classes. */
function checkClasses({ name, columns }: Dataset, classes: number, ignore: number | null = null) {
  const labels = columns.find((column) => column.name === "labels")!;
  checkLabels(labels, name, { isLabel: isClass, classes, ignore });
}

const f32 = (...values: number[]) => Float32Array.from(values);
const i64 = (...values: number[]) => BigInt64Array.from(values, BigInt);
const x: NpyArray = [f32(0, 1, 2, 3, 4, 5, 6, 7), [4, 2]];
const labels: NpyArray = [i64(0, 1, 1, 0), [4]];

describe("an .npz", () => {
  it.each(Object.entries(NUMPY_FILES))("of numpy.%s is read", async (_, base64) => {
    const file = path.join(folder, "data.npz");
    fs.writeFileSync(file, Buffer.from(base64, "base64"));
    for (const from of [file, fs.readFileSync(file)]) {
      const data = await open("float[N, 2] x", from);
      expect(data).toMatchObject({ rows: 4, batchSize: null, notes: [] });
      const [tensors, ...more] = batches(data, { ort, batchSize: 4 });
      expect(tensors.x.dims).toEqual([4, 2]);
      expect([...(tensors.x.data as Float32Array)]).toEqual([
        0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75,
      ]);
      expect(tensors.labels.type).toBe("int64");
      expect([...(tensors.labels.data as BigInt64Array)]).toEqual([0n, 1n, 1n, 0n]);
      expect(more).toEqual([]);
    }
  });

  it("larger than a block, stored or deflated, is read whole", async () => {
    const many = Float32Array.from({ length: 300_000 }, (_, k) => Math.sin(k));
    for (const level of [0, 6] as const) {
      const data = await open("float[N, 3] x", npzOf({ x: [many, [100_000, 3]] }, level), []);
      const [tensors] = batches(data, { ort, batchSize: 100_000 });
      expect(
        Buffer.compare(
          Buffer.from((tensors.x.data as Float32Array).buffer),
          Buffer.from(many.buffer),
        ),
      ).toBe(0);
    }
  });

  const refused: [string, string, Uint8Array, RegExp][] = [
    ["nothing", "float[N, 2] x", new Uint8Array(), /is empty/],
    [
      "another format",
      "float[N, 2] x",
      new Uint8Array(500).fill(65),
      /not a readable \.npz file: .* no end record/,
    ],
    [
      "a missing input",
      "float[N, 2] x, float[N] z",
      npzOf({ x, labels }),
      /no array z, which is an input of the model; it has x, labels/,
    ],
    ["a missing target", "float[N, 2] x", npzOf({ x }), /no array labels, which is a target/],
    [
      "another type",
      "float[N, 2] x",
      npzOf({ x: [Int32Array.from([1, 2]), [1, 2]], labels }),
      /x of the data is int32, and float is expected; .*astype\("float32"\)/,
    ],
    [
      "integers for floats",
      "float[N, 2] x",
      npzOf({ x: [Uint8Array.from([1, 2]), [1, 2]], labels }),
      /is uint8, and float is expected/,
    ],
    [
      "another rank",
      "float[N, 2, 2] x",
      npzOf({ x, labels }),
      /shape \[4, 2\], and \[N, 2, 2\] is expected/,
    ],
    [
      "another size",
      "float[N, 3] x",
      npzOf({ x, labels }),
      /shape \[4, 2\], and \[N, 3\] is expected/,
    ],
    [
      "other rows",
      "float[N, 2] x",
      npzOf({ x, labels: [i64(0, 1), [2]] }),
      /labels of the data has 2 rows, and x has 4/,
    ],
    [
      "no rows",
      "float[N, 2] x",
      npzOf({ x: [f32(), [0, 2]], labels }),
      /shape \[0, 2\]; give at least one row/,
    ],
    ["a scalar", "float[N, 2] x", npzOf({ x: [f32(1), []], labels }), /a single number/],
    [
      "sizes that disagree",
      "float[N, S] x, float[N, S] z",
      npzOf({ x, z: [f32(1, 2, 3, 4), [4, 1]], labels }),
      /z of the data gives S the size 1, and x gives it 2/,
    ],
    [
      "two batch sizes",
      "float[4, 2] x, float[1, 2] z",
      npzOf({ x, z: x, labels }),
      /fixes the batch of .* to 1 and that of x to 4/,
    ],
    [
      "a NaN",
      "float[N, 2] x",
      npzOf({ x: [f32(0, 1, 2, 3, 4, Number.NaN, 6, 7), [4, 2]], labels }),
      /NaN in row 2 /,
    ],
    [
      "fewer values than the shape",
      "float[N, 2] x",
      npzOf({ x: [f32(0, 1), [4, 2]], labels }),
      /needs 32 bytes, but has 8/,
    ],
    [
      "an entry that is no array",
      "float[N, 2] x",
      zipSync({ "x.npy": new Uint8Array(200) }),
      /does not have an \.npy header/,
    ],
  ];
  it.each(refused)("with %s is refused in a sentence", async (_, inputs, file, why) => {
    const opening = open(inputs, file);
    await expect(opening).rejects.toMatchObject({ name: "InputError" });
    await expect(opening).rejects.toThrow(why);
  });

  it("in Fortran order, as numpy saves a transposed array, is put into rows", async () => {
    const file = Buffer.from(NUMPY_ODDITIES, "base64");
    const [{ fortran }] = batches(await open("float[N, 2] fortran", file, []), {
      ort,
      batchSize: 4,
    });
    expect([...(fortran.data as Float32Array)]).toEqual([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]);
  });

  it.each([
    ["big", /big-endian \(>f4\)/],
    ["objects", /Python objects/],
    ["fields", /of type structured/],
    ["text", /of type <U1/],
  ])("with %s is refused in a sentence", async (name, why) => {
    const file = Buffer.from(NUMPY_ODDITIES, "base64");
    await expect(open(`float[N, 2] ${name}`, file, [])).rejects.toThrow(why);
  });

  it("cut off anywhere, or with any byte of it changed, is refused in a sentence or still the same", async () => {
    const whole = Buffer.from(NUMPY_FILES.savez_compressed, "base64");
    const model = await modelWith("float[N, 2] x");
    const read = async (bytes: Uint8Array) => {
      const data = await openDataset(bytes, model, { targets: ["labels"] });
      const [tensors] = batches(data, { ort, batchSize: 4 });
      return [tensors.x.data, tensors.labels.data];
    };
    const right = await read(whole);
    const fine = async (bytes: Uint8Array) => {
      const result = await read(bytes).catch((error: Error) => error);
      if (result instanceof Error) expect(result).toMatchObject({ name: "InputError" });
      else expect(result).toEqual(right);
      return result instanceof Error;
    };
    const places = swept([...whole.keys()], 2);
    for (const length of places)
      expect(await fine(whole.subarray(0, length)), String(length)).toBe(true);
    let noticed = 0;
    for (const at of places) {
      const changed = Buffer.from(whole);
      changed[at] ^= 0x55;
      noticed += Number(await fine(changed));
    }
    expect(noticed).toBeGreaterThan(places.length / 2);
  });

  it("that would unpack to more than its bytes can hold, or than memory, is refused unread", async () => {
    const claim = (rows: number) => {
      const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, 2)}`.padEnd(118);
      return Buffer.from(`\x93NUMPY\x01\0v\0${text}`, "latin1");
    };
    const lying = zipSync({ "x.npy": claim(1e12) });
    await expect(open("float[N, 2] x", lying, [])).rejects.toThrow(/needs 8000000000000 bytes/);
    const bomb = zipSync({ "x.npy": claim(4) });
    const at = bomb.length - 22 - 46 - 5;
    new DataView(bomb.buffer, bomb.byteOffset).setUint32(at + 24, 0xfffffff0, true);
    await expect(open("float[N, 2] x", bomb, [])).rejects.toThrow(/cannot have the size/);
    const wanted = { name: "x", role: "input", dtype: "float", shape: ["N", 2] } as const;
    const honest = bytesSource(npzOf({ x: [new Float32Array(2e6), [1e6, 2]] }), "large.npz");
    expect(() =>
      readDataset([npzFile(honest, 1e6)], [wanted], { free: 1e6, scratch: null }),
    ).toThrow(/takes 8.00 MB .* 1.00 MB are free/);
  });
});

describe("a dataset", () => {
  /** Rows of batches, told by x, which is 0, 1; 2, 3; 4, 5; 6, 7. */
  const rowsOf = (all: ReturnType<typeof batches>) =>
    [...all].map(({ x }) => {
      const values = [...(x.data as Float32Array)];
      const rows = values.filter((_, k) => k % 2 === 0).map((value) => value / 2);
      expect(values).toEqual(rows.flatMap((row) => [2 * row, 2 * row + 1]));
      expect(x.dims).toEqual([rows.length, 2]);
      return rows;
    });

  it("gives each row once an epoch, in an order that the seed and the epoch fix", async () => {
    const data = await open("float[N, 2] x", npzOf({ x, labels }));
    const cut = (more: object) => rowsOf(batches(data, { ort, batchSize: 3, ...more }));
    expect(cut({})).toEqual([[0, 1, 2], [3]]);
    expect(cut({ dropLast: true })).toEqual([[0, 1, 2]]);
    expect(cut({ shuffle: 7 })).toEqual([[1, 0, 2], [3]]);
    expect(cut({ shuffle: 7 })).toEqual(cut({ shuffle: 7, epoch: 0 }));
    const orders = [0, 1, 2, 3, 4, 5].map((epoch) => cut({ shuffle: 7, epoch }).flat());
    for (const order of orders) expect([...order].sort()).toEqual([0, 1, 2, 3]);
    expect(new Set(orders.map(String)).size).toBeGreaterThan(3);
    // What is one batch keeps its order: rows may be nodes of a graph, which others number.
    expect(cut({ shuffle: 7, batchSize: 4 })).toEqual([[0, 1, 2, 3]]);
    const pairs = [...batches(data, { ort, batchSize: 3, shuffle: 1 })][0];
    const of = (row: number) => Number([0, 1, 1, 0][row]);
    expect([...(pairs.labels.data as BigInt64Array)].map(Number)).toEqual(
      rowsOf(batches(data, { ort, batchSize: 3, shuffle: 1 }))[0].map(of),
    );
  });

  it("takes rows that have the input's sizes except for axes of one", async () => {
    const images: NpyArray = [Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]), [2, 2, 2]];
    const labels: NpyArray = [BigInt64Array.from([0n, 1n]), [2]];
    const data = await open("float[N, 1, 2, W] x", npzOf({ x: images, labels }));
    const [{ x }] = batches(data, { ort, batchSize: 2 });
    expect([x.dims, ...(x.data as Float32Array)]).toEqual([[2, 1, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(data.notes.join()).toMatch(/is \[2, 2, 2\] and is taken as \[2, 1, 2, 2\]\.$/);
    const other = open("float[N, 1, 2, 3] x", npzOf({ x: images, labels }));
    await expect(other).rejects.toThrow(/has shape \[2, 2, 2\], and \[N, 1, 2, 3\] is expected/);
  });

  it("keeps to the batch size that the model fixes", async () => {
    const data = await open("float[3, 2] x", npzOf({ x, labels }));
    expect(data.batchSize).toBe(3);
    expect(rowsOf(batches(data, { ort, batchSize: 3 }))).toEqual([[0, 1, 2]]);
    expect(() => [...batches(data, { ort, batchSize: 2 })]).toThrow(/only takes batches of 3/);
    const few = await open("float[5, 2] x", npzOf({ x, labels }));
    expect(() => [...batches(few, { ort, batchSize: 5 })]).toThrow(/4 rows, fewer than one batch/);
    expect(() => [...batches(data, { ort, batchSize: 0 })]).toThrow(
      /batch size must be a positive integer \(got 0\)/,
    );
  });

  it("returns the sizes of free dimensions", async () => {
    const ids: NpyArray = [i64(1, 2, 3, 4), [2, 2]];
    const data = await open(
      "int64[batch, seq] ids, float[batch, seq, ?] v",
      npzOf({ ids, v: [f32(...Array(12).keys()), [2, 2, 3]] }),
      [],
    );
    expect(data.sizes(2)).toEqual({ batch: 2, seq: 2, "v.2": 3 });
  });

  it("accepts narrower integers and floats as wider ones, says so, and what it leaves alone", async () => {
    const given = {
      ids: [Uint8Array.from([1, 255]), [2]],
      half: [Uint16Array.from([0x3c00, 0xc000]), [2, 1], "f2"],
      labels: [Int32Array.from([-1, 4]), [2]],
      more: [f32(1), [1]],
    } as const;
    const model = await modelWith("int64[N] ids, float[N, 1] half");
    const targets = [{ name: "labels", dtype: "int64" }];
    const data = await openDataset(npzOf(given), model, { targets });
    expect(data.notes).toEqual([
      "array ids of the data is uint8 and is taken as int64.",
      "array half of the data is float16 and is taken as float.",
      "array labels of the data is int32 and is taken as int64.",
      "array more of the data is neither input nor target.",
    ]);
    const [tensors] = batches(data, { ort, batchSize: 2 });
    const read = (name: string) => [...(tensors[name].data as unknown as Iterable<unknown>)];
    expect([read("ids"), read("half"), read("labels")]).toEqual([
      [1n, 255n],
      [1, -2],
      [-1n, 4n],
    ]);
    expect(tensors.half.type).toBe("float32");
  });

  it("refuses a label that is not a class or not an integer", async () => {
    const data = await open("float[N, 2] x", npzOf({ x, labels: [i64(0, 2, -100, 1), [4]] }));
    checkClasses(data, 3, -100);
    expect(() => checkClasses(data, 3)).toThrow(/is -100 in row 2 .* 0 to 2/);
    expect(() => checkClasses(data, 2, -100)).toThrow(/is 2 in row 1 /);
    const soft = await open("float[N, 2] x", npzOf({ x, labels: x }));
    expect(() => checkClasses(soft, 2)).toThrow(/is 2 in row 1 /);
    const half = await open("float[N, 2] x", npzOf({ x, labels: [f32(0, 0.5, 1, 1), [4]] }));
    expect(() => checkClasses(half, 2)).toThrow(/is 0.5 in row 1 .*integers/);
  });
});
