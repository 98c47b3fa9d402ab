import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, openModel, prove, saveModel, strip } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import * as web from "onnxruntime-web";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { corpus, fixture, temporaryFolder } from "./support/fixture.ts";
import { swept } from "./support/sweep.ts";
import { wideBlock } from "./support/wide-block.ts";

const { onnx } = onnxProto;
web.env.wasm.numThreads = 1;
const scratch = temporaryFolder();
let count = 0;

/** A folder with the block in it as model.onnx, and its result beside it. */
function place(...options: string[]) {
  const folder = path.join(scratch, String(count++));
  fs.mkdirSync(folder);
  const block = wideBlock();
  const file = path.join(folder, "model.onnx");
  fs.writeFileSync(file, block.bytes);
  const ran = cli([file, "--rank", "2", "--link-weights", ...options]);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  return { folder, file, result: path.join(folder, "model.laurel.onnx"), ...block, ...ran };
}

const x = (runtime: { Tensor: typeof ort.Tensor }, width: number) =>
  new runtime.Tensor(
    "float32",
    Float32Array.from({ length: 2 * width }, (_, k) => Math.cos(k)),
    [2, width],
  );

const plain = { graphOptimizationLevel: "disabled" } as const;

describe("--link-weights", { timeout: 60_000 }, () => {
  it("writes a result without old weights, which says where they are", async () => {
    const { result, bytes, linked, kept, file, stdout } = place();
    const written = fs.readFileSync(result);
    expect(fs.readFileSync(file)).toEqual(Buffer.from(bytes));
    for (const raw of linked.values()) expect(written.includes(Buffer.from(raw))).toBe(false);
    for (const raw of kept) expect(written.includes(Buffer.from(raw))).toBe(true);
    const { graph } = onnx.ModelProto.decode(written);
    const constant = graph!.node!.find(({ opType }) => opType === "Constant")!;
    const tensors = [...graph!.initializer!, constant.attribute![0].t!];
    for (const [name, raw] of linked) {
      const tensor = tensors.find((each) => each.name === name)!;
      const entries = Object.fromEntries(
        tensor.externalData!.map(({ key, value }) => [key, value]),
      );
      const start = Number(entries.offset);
      expect(entries.location).toBe("model.onnx");
      expect(new Uint8Array(bytes.slice(start, start + Number(entries.length)))).toEqual(raw);
    }
    expect(stdout).toContain("bit-equal");
    expect(stdout).toContain("keep the two files together");
  });

  it("is loaded by onnxruntime-node, and by -web with the original's bytes", async () => {
    const { result, file, bytes, width } = place();
    const [before, after] = [
      await ort.InferenceSession.create(file, plain),
      await ort.InferenceSession.create(result, plain),
    ];
    const feeds = { x: x(ort, width) };
    expect((await after.run(feeds)).out.data).toEqual((await before.run(feeds)).out.data);
    const externalData = [{ path: "model.onnx", data: bytes }];
    const inWeb = await web.InferenceSession.create(new Uint8Array(fs.readFileSync(result)), {
      ...plain,
      externalData,
    });
    const original = await web.InferenceSession.create(bytes, plain);
    const own = { x: x(web, width) };
    expect((await inWeb.run(own)).out.data).toEqual((await original.run(own)).out.data);
  });

  it("is undone by strip, byte for byte, though it holds no weights to do it with", () => {
    for (const [option, word] of [
      ["--no-hash", "a sample"],
      ["--hash", "SHA-256 checked"],
    ]) {
      const { result, folder, bytes, linked } = place(option);
      const size = [...linked.values()].reduce((sum, raw) => sum + raw.length, 0);
      expect(fs.statSync(result).size).toBeLessThan(bytes.length - size + 6000);
      const back = path.join(folder, "back.onnx");
      const { code, stdout } = cli(["strip", result, "-o", back]);
      expect([code, stdout]).toEqual([0, expect.stringContaining(word)]);
      expect(fs.readFileSync(back)).toEqual(Buffer.from(bytes));
    }
  });

  it("strip restores the original even if its graph was changed since, not its weights", () => {
    const { result, file, folder, bytes } = place();
    overwrite(file, bytes, Buffer.from("then_branch"), 1);
    const back = path.join(folder, "back.onnx");
    expect(cli(["strip", result, "-o", back]).code).toBe(0);
    expect(fs.readFileSync(back)).toEqual(Buffer.from(bytes));
  });

  it("strip does not write over the original that it reads from", () => {
    const { result, file, bytes } = place();
    const { code, stderr } = cli(["strip", result, "-f", "-o", file]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("never overwritten")]);
    expect(fs.readFileSync(file)).toEqual(Buffer.from(bytes));
  });

  it.each<[string, string, (file: string, block: ReturnType<typeof wideBlock>) => void]>([
    ["became longer", "--no-hash", (file) => fs.appendFileSync(file, "more")],
    [
      "was trained",
      "--no-hash",
      (file, block) => overwrite(file, block.bytes, block.linked.get("up")!),
    ],
    [
      "was trained, its whole hash recorded",
      "--hash",
      (file, block) => overwrite(file, block.bytes, block.linked.get("down")!),
    ],
  ])("strip refuses where the original %s", (_, option, alter) => {
    const { result, folder, file, ...block } = place(option);
    alter(file, block);
    const { code, stderr } = cli(["strip", result, "-o", path.join(folder, "back.onnx")]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/model\.onnx, which was changed or replaced/),
    ]);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(fs.existsSync(path.join(folder, "back.onnx"))).toBe(false);
  });

  it("says in a sentence if the original is gone or too short", () => {
    const { result, file } = place();
    fs.truncateSync(file, 5000);
    expect(cli(["strip", result]).stderr).toMatch(/truncated or belongs to another model/);
    fs.rmSync(file);
    expect(cli(["strip", result]).stderr).toMatch(/model\.onnx, which is missing/);
  });

  it("adds to a result that is linked itself, and strip takes off one layer at a time", async () => {
    const { result, folder, bytes } = place();
    const twice = path.join(folder, "twice.onnx");
    const options = ["--again", "--link-weights", "--rank", "16", "-o", twice];
    expect(cli([result, ...options]).code).toBe(0);
    const { dataFiles } = await openModel(twice);
    expect([...dataFiles].sort()).toContain("model.onnx");
    const once = path.join(folder, "once.onnx");
    expect(cli(["strip", twice, "-o", once]).code).toBe(0);
    expect(fs.readFileSync(once)).toEqual(fs.readFileSync(result));
    cli(["strip", once, "-o", path.join(folder, "none.onnx")]);
    expect(fs.readFileSync(path.join(folder, "none.onnx"))).toEqual(Buffer.from(bytes));
  });

  it("refuses, one sentence each, if the result would not find the original", async () => {
    const { file, folder } = place();
    const elsewhere = path.join(folder, "elsewhere");
    fs.mkdirSync(elsewhere);
    const link = path.join(folder, "link.onnx");
    fs.symlinkSync("elsewhere/model.onnx", link);
    fs.copyFileSync(file, path.join(elsewhere, "model.onnx"));
    for (const [args, word] of [
      [[file, "-o", path.join(elsewhere, "out.onnx")], "must be in the same folder"],
      [[link, "-o", path.join(folder, "out.onnx")], "cp -L"],
      [[file, "-f", "--copy-data"], "give only one of them"],
    ] as const) {
      const { code, stderr } = cli([...args, "--link-weights"]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(word)]);
    }
    expect(fs.readdirSync(elsewhere)).toEqual(["model.onnx"]);
    const inMemory = await openModel(wideBlock().bytes);
    await expect(laurelize(inMemory, { ort, linkWeights: true })).rejects.toThrow(/by its path/);
  });

  it("leaves weights that are small as they are, and says nothing of two files", async () => {
    const file = path.join(scratch, "small.onnx");
    fs.writeFileSync(file, fixture("pre-norm-mlp"));
    const { code, stdout } = cli([file, "--link-weights"]);
    expect([code, stdout]).toEqual([0, expect.not.stringContaining("together")]);
    expect((await openModel(file.replace(".onnx", ".laurel.onnx"))).dataFiles).toEqual([]);
  });

  it("from the API: linkWeights, proved and saved beside the original", async () => {
    const { file, folder, bytes } = place();
    const laurel = await laurelize(await openModel(file), { ort, linkWeights: true });
    expect((await prove(laurel, { ort })).passed).toBe(true);
    const saved = path.join(folder, "api.onnx");
    await saveModel(laurel.model, saved);
    const { model, checked, beside } = await strip(await openModel(saved));
    expect([checked, beside]).toEqual(["sample", "model.onnx"]);
    expect(model.toBytes()).toEqual(new Uint8Array(bytes));
  });
});

const root = corpus();
describe.skipIf(!root)("--link-weights on the corpus", { timeout: 300_000 }, () => {
  it("keeps each model's sites proved, its other bytes and the way back", async () => {
    const all = fs.readdirSync(path.join(root!, "models")).filter((name) => /\.onnx$/.test(name));
    const models = swept(all, 4);
    if (!models.includes("hand_functions.onnx")) models.push("hand_functions.onnx");
    let linked = 0;
    for (const name of models) {
      const model = await openModel(path.join(root!, "models", name));
      if ((await findResiduals(model, { ort })).sites.length === 0) continue;
      const options = { ort, linkWeights: true, rank: 2 };
      if (name === "hand_functions.onnx") {
        await expect(laurelize(model, options)).rejects.toThrow(/--link-weights would refer to/);
        continue;
      }
      const laurel = await laurelize(model, options);
      linked += Number(laurel.model.dataFiles.includes(name));
      const { checks } = await prove(laurel, { ort, extent: "sites" });
      const failed = checks.filter(({ outcome }) => outcome === "failed");
      expect([name, failed.map((check) => check.name)]).toEqual([name, []]);
      const back = (await strip(laurel.model)).model;
      expect(Buffer.compare(back.toBytes(), model.toBytes()), name).toBe(0);
      model.close();
    }
    expect(linked).toBeGreaterThan(models.length / 4);
  });
});

/** Writes over the beginning of something in a file, in place. */
function overwrite(file: string, bytes: Uint8Array, found: Uint8Array, by = 100): void {
  const handle = fs.openSync(file, "r+");
  fs.writeSync(handle, Buffer.from("zz"), 0, 2, Buffer.from(bytes).indexOf(found) + by);
  fs.closeSync(handle);
}
