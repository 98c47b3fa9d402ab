import fs from "node:fs";
import path from "node:path";
import { batches, openDataset, openModel } from "laurelize";
import ort from "onnxruntime-node";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { type NpyArray, npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";

const folder = temporaryFolder();
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

const modelWith = (input: string) =>
  openModel(
    modelOfText(
      `<ir_version: 8, opset_import: ["" : 17]> net (${input}) => (int64[K] out) { out = Shape(x) }`,
    ),
  );

const opened = async (input: string, data: string | Uint8Array, options: object = {}) =>
  openDataset(data, await modelWith(input), { targets: ["labels"], ...options });

async function firstBatch(input: string, array: NpyArray, options: object = {}) {
  const labels: NpyArray = [BigInt64Array.of(0n, 1n), [2]];
  const data = await opened(input, npzOf({ x: array, labels }), options);
  const [{ x }] = batches(data, { ort, batchSize: 2 });
  return { data, dims: x.dims, values: Array.from(x.data as Float32Array, Number) };
}

const H = 4;
const W = 5;
const pixel = (n: number, y: number, x: number, c: number) =>
  (n * 31 + x * 7 + y * 13 + c * 50) % 256;
/** Pixels of two images, in the order of these axes. */
const pictures = (layout: "nchw" | "nhwc") => {
  const all: number[] = [];
  for (let n = 0; n < 2; n++)
    if (layout === "nhwc")
      for (let y = 0; y < H; y++)
        for (let x = 0; x < W; x++) for (let c = 0; c < 3; c++) all.push(pixel(n, y, x, c));
    else
      for (let c = 0; c < 3; c++)
        for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) all.push(pixel(n, y, x, c));
  return all;
};
const bytes = (layout: "nchw" | "nhwc"): NpyArray => [
  Uint8Array.from(pictures(layout)),
  layout === "nhwc" ? [2, H, W, 3] : [2, 3, H, W],
];
const channelFirst = pictures("nchw").map((value, k) => [value, Math.floor(k / (H * W)) % 3]);

/** A TIFF of 2 × 2 floats. */
const FLOATS =
  "SUkqAAgAAAAKAAABBAABAAAAAgAAAAEBBAABAAAAAgAAAAIBAwABAAAAIAAAAAMBAwABAAAAAQAAAAYBAwABAAAAAQAAABEBBAABAAAAhgAAABYBBAABAAAAAgAAABcBBAABAAAAEAAAABwBAwABAAAAAQAAAFMBAwABAAAAAwAAAAAAAAAAAAA/AAAAPwAAAD8AAAA/";

describe("images of 8 bits become a model's floats", () => {
  it.each([
    ["scaled by 1/255, less the mean, over the deviation", "float[n, 3, 4, 5] x", "nchw", {}],
    ["from channels last", "float[n, 3, 4, 5] x", "nhwc", { layout: "nhwc" }],
    ["of free sizes", "float[n, 3, h, w] x", "nhwc", { layout: "nhwc" }],
  ] as const)("%s", async (_, input, layout, more) => {
    const { data, dims, values } = await firstBatch(input, bytes(layout), {
      mean: MEAN,
      std: STD,
      ...more,
    });
    expect(dims).toEqual([2, 3, H, W]);
    for (const [k, [value, c]] of channelFirst.entries())
      expect(values[k]).toBeCloseTo((value / 255 - MEAN[c]) / STD[c], 5);
    expect(data.notes).toEqual([
      "array x of the data is uint8: pixels are taken times 1/255, less 0.485, 0.456, 0.406, over 0.229, 0.224, 0.225.",
    ]);
  });

  it("are only turned for a model that takes bytes", async () => {
    const layout = "nchw";
    const turned = await firstBatch("uint8[n, 4, 5, 3] x", bytes(layout), { layout });
    expect(turned.values).toEqual(pictures("nhwc"));
    expect(turned.data.notes).toEqual([
      "array x of the data is uint8: pixels are taken as they are, their channels last.",
    ]);
  });

  it("into a model with its channels last, in half precision, by another scale", async () => {
    const same = await firstBatch("float[n, 4, 5, 3] x", bytes("nhwc"), { scale: 0.5, mean: [8] });
    expect(same.values).toEqual(pictures("nhwc").map((value) => value * 0.5 - 8));
    const turned = await firstBatch("float[n, 4, 5, 3] x", bytes("nchw"), {
      scale: 1,
      layout: "nchw",
    });
    expect(turned.values).toEqual(pictures("nhwc"));
    const flat = await firstBatch("float[n, 60] x", [bytes("nchw")[0], [2, 60]], { scale: 1 });
    expect(flat.values).toEqual(pictures("nchw"));
    const model = "float16[n, 3, 4, 5] x";
    const half = await firstBatch(model, bytes("nhwc"), { layout: "nhwc", scale: 1 });
    const [pixels, dims] = bytes("nhwc");
    const deep: NpyArray = [Uint16Array.from(pixels as Uint8Array, (v) => 257 * Number(v)), dims];
    const of16 = { layout: "nhwc", scale: 1 / 65535, mean: MEAN, std: STD };
    const wide = await firstBatch("float[n, 3, 4, 5] x", deep, of16);
    for (const [k, [value, c]] of channelFirst.entries())
      expect(wide.values[k]).toBeCloseTo((value / 255 - MEAN[c]) / STD[c], 5);
    expect(half.data.columns[0].dtype).toBe("float16");
    const floats: NpyArray = [Float32Array.from(pictures("nhwc"), (v) => v / 255), [2, H, W, 3]];
    const given = await firstBatch("float[n, 3, 4, 5] x", floats, { layout: "nhwc", std: [0.5] });
    for (const [k, [value]] of channelFirst.entries())
      expect(given.values[k]).toBeCloseTo(value / 255 / 0.5, 5);
  });

  it("and options for images are said to have no effect on data without any", async () => {
    const rows: NpyArray = [new Float32Array(12), [2, 6]];
    const { data } = await firstBatch("float[n, 6] x", rows, { mean: [0.5], layout: "nhwc" });
    expect(data.notes).toEqual(
      ["mean", "layout"].map((name) => `${name} has no effect: no input is read as images.`),
    );
  });

  it("and are refused without options for images, or with one that does not fit", async () => {
    const input = "float[n, 3, 4, 5] x";
    const refused = (options: object, array = bytes("nchw")) =>
      expect(firstBatch(input, array, options)).rejects;
    await refused({}).toThrow(/is uint8, and float is expected; .*--scale/);
    const deep: NpyArray = [Uint16Array.from(bytes("nchw")[0] as Uint8Array), [2, 3, H, W]];
    await refused({ mean: [0.5] }, deep).toThrow(/is uint16, and float is expected; .*--scale/);
    await refused({ mean: [1, 2] }).toThrow(/--mean has 2 numbers, and array x .* has 3 channels/);
    await refused({ std: [0] }).toThrow(/std must be positive numbers \(got 0\)/);
    await refused({ scale: 1 }, bytes("nhwc")).toThrow(/shape \[2, 4, 5, 3\], and \[n, 3, 4, 5\]/);
  });
});

/**
 * What torchvision 0.28 and Pillow 13 make of these images by Resize(32), CenterCrop(28), ToTensor
 * and Normalize with ImageNet's figures: the sum of the cropped bytes, the sum of the result, its
 * first number and [2, 27, 13].
 */
const TORCHVISION = [
  ["cat/a.png", 40, 30, 0, 299584, 527.6044306908734, -0.6965493559837341, -0.42753803730010986],
  ["cat/inner/b.png", 25, 51, 1, 296570, 475.7693860377185, 2.0262863636016846, -0.845838725566864],
  ["dog/c.png", 64, 64, 2, 300592, 545.2339619328268, 0.844678521156311, 0.23477131128311157],
  ["emu/d.webp", 32, 33, 3, 297788, 496.4023592644371, 0.22818739712238312, -0.30553367753384],
] as const;

/** A JPEG of YCCK, as Adobe's programs write it. */
const INK =
  "/9j/7gAOQWRvYmUAZAAAAAAC/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAWEBETFBUVFQwPFxgWFBgSFBUU/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EABcAAQEBAQAAAAAAAAAAAAAAAAkIAAf/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oADgRDAE0AWQBLAAA/ALAH0koqYBD9OoM6gIo1TLrUALpn/9k=";

async function images(name: string, list: readonly (readonly [string, number, number, number])[]) {
  const place = path.join(folder, name);
  for (const [file, width, height, k] of list) {
    const pixels = new Uint8Array(width * height * 3);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++)
          pixels[(y * width + x) * 3 + c] = (x * 7 + y * 13 + c * 50 + k * 31 + x * y) % 256;
    fs.mkdirSync(path.dirname(path.join(place, file)), { recursive: true });
    const image = sharp(pixels, { raw: { width, height, channels: 3 } });
    await (file.endsWith("png") ? image.png() : image.webp({ lossless: true })).toFile(
      path.join(place, file),
    );
  }
  return place;
}

describe("a folder of images with a folder for each class", () => {
  const all = TORCHVISION.map(([file, w, h, k]) => [file, w, h, k] as const);

  it("is read as torchvision's eval transform reads it", async () => {
    const place = await images("photos", all);
    const data = await opened("float[n, 3, 28, 28] x", place);
    expect(data).toMatchObject({ rows: 4, classes: { labels: ["cat", "dog", "emu"] } });
    const [{ x, labels }] = batches(data, { ort, batchSize: 4 });
    expect(Array.from(labels.data as BigInt64Array, Number)).toEqual([0, 0, 1, 2]);
    for (const [k, [, , , , bytes, sum, first, other]] of TORCHVISION.entries()) {
      const values = Array.from(x.data as Float32Array).slice(k * 2352, (k + 1) * 2352);
      const back = values.map((v, at) => {
        const c = Math.floor(at / 784);
        return Math.round((v * STD[c] + MEAN[c]) * 255);
      });
      expect(back.reduce((a, b) => a + b)).toBe(bytes);
      expect(values.reduce((a, b) => a + b)).toBeCloseTo(sum, 2);
      expect(values[0]).toBeCloseTo(first, 5);
      expect(values[2 * 784 + 27 * 28 + 13]).toBeCloseTo(other, 5);
    }
    data.close();
  });

  it("of one row of pixels is not enlarged beyond what is cut out", async () => {
    const data = await opened(
      "uint8[n, 3, 28, 28] x",
      await images("thin", [["cat/t.png", 40_000, 1, 0]]),
    );
    const [{ x }] = batches(data, { ort, batchSize: 1 });
    // Pillow's, of all 1,280,000×32 pixels.
    expect((x.data as Uint8Array).reduce((a, b) => a + b)).toBe(234808);
  });

  it("of other sizes, channels first or last, in gray, with the classes of the training", async () => {
    const place = path.join(folder, "photos");
    const gray = await opened("float[n, 28, 28, 1] x", place);
    const [{ x }] = batches(gray, { ort, batchSize: 1 });
    // Pillow's convert("L") of the same: 100258 in all.
    const sum = Array.from(x.data as Float32Array).reduce((a, b) => a + Math.round(b * 255), 0);
    expect([x.dims, sum]).toEqual([[1, 28, 28, 1], 100258]);
    const free = await opened("float[n, 3, h, w] x", place, { imageSize: 16, resize: 20 });
    expect(free.columns[0].dims).toEqual([3, 16, 16]);
    const some = await images("held", [["dog/x.png", 30, 30, 0]]);
    const held = await opened("float[n, 3, 28, 28] x", some, { classNames: gray.classes });
    const [{ labels }] = batches(held, { ort, batchSize: 1 });
    expect(Number(labels.data[0])).toBe(1);
    const other = await images("other", [["fox/x.png", 30, 30, 0]]);
    const unknown = opened("float[n, 3, 28, 28] x", other, { classNames: gray.classes });
    await expect(unknown).rejects.toThrow(/has a class fox that the training data does not/);
    const both = await opened("float[n, 3, 28, 28] x", [other, some] as never);
    const [{ labels: shared }] = batches(both, { ort, batchSize: 2 });
    expect([both.classes.labels, Array.from(shared.data as BigInt64Array, Number)]).toEqual([
      ["dog", "fox"],
      [1, 0],
    ]);
  });

  it("is refused in a sentence if it cannot be read", async () => {
    const place = path.join(folder, "photos");
    const two = opened("float[n, 3, 28, 28] x, float[n] t", place);
    await expect(two).rejects.toThrow(/folder of images, and the model has 2 inputs \(x, t\)/);
    await expect(opened("float[n, 7, 28, 28] x", place)).rejects.toThrow(/takes 7 channels/);
    fs.mkdirSync(path.join(folder, "bad/cat"), { recursive: true });
    const uses = Array.from(
      { length: 30 },
      (_, k) => `<g id="a${k + 1}">${`<use href="#a${k}"/>`.repeat(10)}</g>`,
    );
    fs.writeFileSync(
      path.join(folder, "bad/cat/x.png"),
      `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path id="a0" d="M0 0h9"/>${uses.join("")}<use href="#a30"/></svg>`,
    );
    const drawn = opened("float[n, 3, 28, 28] x", path.join(folder, "bad"));
    await expect(drawn).rejects.toThrow(/cannot be read as an image \(SVG/);
    fs.writeFileSync(path.join(folder, "bad/cat/x.png"), "no image");
    const bad = opened("float[n, 3, 28, 28] x", path.join(folder, "bad"));
    await expect(bad).rejects.toThrow(/x\.png cannot be read as an image \(.*\); remove it/);
    fs.mkdirSync(path.join(folder, "bad/dog"));
    const empty = opened("float[n, 3, 28, 28] x", path.join(folder, "bad"));
    await expect(empty).rejects.toThrow(/dog contains no images, but each subfolder .* is a class/);
    fs.rmSync(path.join(folder, "bad/dog"), { recursive: true });
    fs.symlinkSync(".", path.join(folder, "bad/cat/back"));
    const loop = opened("float[n, 3, 28, 28] x", path.join(folder, "bad"));
    await expect(loop).rejects.toThrow(/back is a link to a folder that it is in; remove it\.$/);
    fs.rmSync(path.join(folder, "bad/cat/back"));
    const flat = opened("float[n, 3, 28, 28] x", path.join(folder, "bad/cat"));
    await expect(flat).rejects.toThrow(/cat contains images, .* one subfolder for each class/);
    for (const split of ["train", "val"])
      fs.cpSync(path.join(folder, "bad/cat"), path.join(folder, "root", split, "cat"), {
        recursive: true,
      });
    const splits = opened("float[n, 3, 28, 28] x", path.join(folder, "root"));
    await expect(splits).rejects.toThrow(/not classes; pass --data .*train --eval .*val\.$/);
    // Classes may be called so if they hold images themselves.
    for (const name of ["train", "test"])
      fs.cpSync(path.join(folder, "bad/cat"), path.join(folder, "odd", name), { recursive: true });
    const odd = opened("float[n, 3, 28, 28] x", path.join(folder, "odd"));
    await expect(odd).rejects.toThrow(/x\.png cannot be read/);
  });

  it("decodes ink as Pillow does, and refuses what Pillow reads otherwise", async () => {
    const file = (name: string, bytes: Uint8Array) => {
      const place = path.join(folder, "kinds", name.split(".")[1], name);
      fs.mkdirSync(path.dirname(place), { recursive: true });
      fs.writeFileSync(place, bytes);
      return path.dirname(path.dirname(place));
    };
    // Image.open("ink.jpg").convert("RGB") of Pillow 13, a JPEG of YCCK: the sum of its 16 × 16 pixels.
    const kinds = file("ink.jpg", Buffer.from(INK, "base64"));
    const read = () =>
      opened("uint8[n, 16, 16, 3] x", kinds, { resize: 16, scale: 1, mean: [0], std: [1] });
    const [{ x }] = batches(await read(), { ort, batchSize: 1 });
    const pixels = x.data as Uint8Array;
    expect([pixels.reduce((a, b) => a + b, 0), ...pixels.subarray(153, 156)]).toEqual([
      121664, 150, 0, 229,
    ]);
    const gray = sharp(new Uint16Array(256).fill(300), {
      raw: { width: 16, height: 16, channels: 1 },
    });
    const clear = sharp(new Uint8Array(1024).fill(9), {
      raw: { width: 16, height: 16, channels: 4 },
    });
    const refused = [
      ["a.png", await gray.toColourspace("grey16").png().toBuffer(), /gray of 16 bits/],
      ["c.tiff", Buffer.from(FLOATS, "base64"), /numbers of type float/],
      [
        "b.gif",
        await clear
          .clone()
          .composite([
            {
              input: Buffer.alloc(64),
              raw: { width: 4, height: 4, channels: 4 },
              blend: "dest-in",
              top: 0,
              left: 0,
            },
          ])
          .gif()
          .toBuffer(),
        /transparent pixels/,
      ],
    ] as const;
    for (const [name, bytes, why] of refused) {
      file(name, bytes);
      await expect(read()).rejects.toThrow(why);
      fs.rmSync(path.join(kinds, name.split(".")[1]), { recursive: true });
    }
  });

  it("trains a new head on the command line, and the log says which class is which", () => {
    const model = path.join(folder, "m.onnx");
    fs.writeFileSync(
      model,
      modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 3, 28, 28] x) => (float[n, 5] y) <float[3, 5] w, float[5] b>
{ p = GlobalAveragePool(x) f = Flatten(p) y = Gemm(f, w, b) }`),
    );
    const out = path.join(folder, "tuned.onnx");
    const { code, stderr } = cli([
      ...["finetune", model, "--data", path.join(folder, "photos"), "--eval"],
      ...[path.join(folder, "held"), "--loss", "cross-entropy", "--new-head", "w"],
      ...["--classes", "3", "-e", "1", "-o", out],
    ]);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/photos has 4 images of 3 classes: cat, dog, emu/);
    const log = JSON.parse(fs.readFileSync(out.replace(".onnx", ".json"), "utf8"));
    expect(log.classes).toEqual({ labels: ["cat", "dog", "emu"] });
    expect(log.settings).not.toHaveProperty("mean");
  });
});
