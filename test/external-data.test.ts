import fs from "node:fs";
import path from "node:path";
import { findResiduals, laurelize, openModel, prove } from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { copyNames } from "../src/graph/placing.ts";
import { stageModel } from "../src/model.ts";
import { cli } from "./support/cli.ts";
import { corpus as corpusFolder, fixture, temporaryFolder } from "./support/fixture.ts";
import { expectRefused } from "./support/refused.ts";
import { sessionOn } from "./support/session.ts";

const { onnx } = onnxProto;
const scratch = temporaryFolder();
let count = 0;

const newFolder = () => {
  const folder = path.join(scratch, String(count++));
  fs.mkdirSync(folder);
  return folder;
};

type Entries = Readonly<Record<string, string>>;

/** The pre-norm fixture with its weights in `data`, and what each entry says changed by `say`. */
function external(say: (entries: Entries) => Entries = (entries) => entries) {
  const model = onnx.ModelProto.decode(fixture("pre-norm-mlp"));
  let offset = 0;
  const parts: Uint8Array[] = [];
  for (const tensor of model.graph?.initializer ?? []) {
    const raw = tensor.rawData ?? new Uint8Array();
    const entries = say({ location: "w.data", offset: String(offset), length: String(raw.length) });
    parts.push(raw);
    offset += raw.length;
    tensor.rawData = new Uint8Array();
    Reflect.deleteProperty(tensor, "rawData");
    tensor.dataLocation = 1;
    tensor.externalData = Object.entries(entries).map(([key, value]) =>
      onnx.StringStringEntryProto.create({ key, value }),
    );
  }
  return { model: onnx.ModelProto.encode(model).finish(), data: Buffer.concat(parts) };
}

/** A folder with the model in it, and its data where `location` says, relative to the folder. */
function place(say?: (entries: Entries) => Entries, data: string | null = "w.data") {
  const folder = newFolder();
  const file = path.join(folder, "model.onnx");
  const made = external(say);
  fs.writeFileSync(file, made.model);
  if (data !== null) fs.writeFileSync(path.resolve(folder, data), made.data);
  return { folder, file, ...made };
}

const located = (location: string) => (entries: Entries) => ({ ...entries, location });

/** Expects the model not to open, for a reason that says `word`. */
const expectClosed = (file: string, word: string | RegExp, trustLinks = false) =>
  expect(openModel(file, { trustLinks })).rejects.toThrow(
    expect.objectContaining({ name: "InputError", message: expect.stringMatching(word) }),
  );

/** Expects a proved result beside the model that onnxruntime loads by its path. */
async function expectLaurelized(file: string, ...more: string[]) {
  const { code, stdout, stderr } = cli([file, "--rank", "4", ...more]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("bit-equal");
  const result = file.replace(".onnx", ".laurel.onnx");
  await (await sessionOn(result)).release();
  expect((await openModel(result)).graph.main.nodes.length).toBeGreaterThan(6);
}

const time = { timeout: 60_000 };

describe("weights outside the model's file", time, () => {
  it("beside it, with or without offset and length said, are proved with it and not touched", async () => {
    const { file, folder, data } = place();
    await expectLaurelized(file);
    expect(fs.readFileSync(path.join(folder, "w.data"))).toEqual(data);
    expect(fs.readdirSync(folder).sort()).toEqual([
      "model.laurel.onnx",
      "model.laurel.onnx.data",
      "model.onnx",
      "w.data",
    ]);
    await expectLaurelized(place(({ location, offset }) => ({ location, offset })).file);
  });

  it("in a folder below", async () => {
    const folder = newFolder();
    fs.mkdirSync(path.join(folder, "weights"));
    const { model, data } = external(located("weights/w.data"));
    fs.writeFileSync(path.join(folder, "weights/w.data"), data);
    fs.writeFileSync(path.join(folder, "model.onnx"), model);
    await expectLaurelized(path.join(folder, "model.onnx"));
  });

  it("are refused into another folder, which the result would not find them from", () => {
    const { file, folder } = place();
    const other = newFolder();
    expectRefused([file, "-o", path.join(other, "out.onnx")], folder, "pass --copy-data");
    expect(fs.readdirSync(other)).toEqual([]);
  });

  it("missing", async () => {
    const { file, folder } = place(undefined, null);
    expectRefused([file, "--no-prove"], folder, "w.data, which is missing");
    fs.mkdirSync(path.join(folder, "w.data"));
    await expectClosed(file, /not a regular file/);
  });

  it.each(["model.onnx", "./model.onnx"])(
    "in the model's own file, %s, are refused",
    async (own) => {
      const { file } = place((entries) => ({ ...entries, location: own, offset: "0" }));
      await expectClosed(file, /keeps weights in .*the model's own file/);
    },
  );

  it("of a model given as bytes: it opens, and says what is missing once they are asked for", async () => {
    const model = await openModel(external().model);
    expect(model.graph.main.nodes).toHaveLength(6);
    await expect(findResiduals(model, { ort })).rejects.toThrow("open the model by its path");
  });
});

describe("weights that are said to lie outside the model's folder", time, () => {
  it.each([
    ["../stolen.data"],
    ["sub/../../stolen.data"],
    [path.join(scratch, "stolen.data")],
    ["."],
  ])("%s is refused, with --trust-links too", async (location) => {
    const { file, folder } = place(located(location), "../stolen.data");
    await expectClosed(file, /outside its own folder/);
    expectRefused([file, "--no-prove", "--trust-links"], folder, "outside its own folder");
  });

  it("by a link are refused, and read with --trust-links", () => {
    const { file, folder } = place(undefined, "../elsewhere.data");
    fs.symlinkSync("../elsewhere.data", path.join(folder, "w.data"));
    expectRefused([file, "--no-prove"], folder, "--trust-links");
    const inspected = cli(["inspect", file, "--trust-links"]);
    expect([inspected.code, inspected.stderr]).toEqual([0, ""]);
  });

  it("by a linked folder are refused", async () => {
    const outside = newFolder();
    fs.writeFileSync(path.join(outside, "w.data"), external().data);
    const { file, folder } = place(located("weights/w.data"), null);
    fs.symlinkSync(outside, path.join(folder, "weights"));
    await expectClosed(file, /--trust-links/);
    await expect(openModel(file, { trustLinks: true })).resolves.toBeDefined();
  });

  it("behind a link to itself or to nothing are missing", async () => {
    for (const target of ["w.data", "gone.data"]) {
      const { file, folder } = place(undefined, null);
      fs.symlinkSync(target, path.join(folder, "w.data"));
      await expectClosed(file, /missing/);
    }
  });
});

describe("the layouts that packages and caches have", time, () => {
  /** snapshots/<revision>/model.onnx → ../../blobs/<hash>, and the data alike. */
  function huggingFace() {
    const cache = newFolder();
    const snapshot = path.join(cache, "snapshots/0123abc");
    fs.mkdirSync(path.join(cache, "blobs"));
    fs.mkdirSync(snapshot, { recursive: true });
    const { model, data } = external();
    for (const [name, hash, bytes] of [
      ["model.onnx", "aa11", model],
      ["w.data", "bb22", data],
    ] as const) {
      fs.writeFileSync(path.join(cache, "blobs", hash), bytes);
      fs.symlinkSync(`../../blobs/${hash}`, path.join(snapshot, name));
    }
    return path.join(snapshot, "model.onnx");
  }

  it("Hugging Face's cache: opened and inspected, without --trust-links", () => {
    const { code, stdout, stderr } = cli(["inspect", huggingFace()]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("1 residual sum");
  });

  // onnxruntime 1.30 follows no link out of the folder of a model that is no link itself.
  it("Hugging Face's cache: with --copy-data, since onnxruntime would not follow the link", async () => {
    const file = huggingFace();
    const { code, stderr } = cli([file, "--rank", "4"]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/link out of .*--copy-data/)]);
    await expectLaurelized(file, "--copy-data");
  });

  it("Hugging Face's cache, copied with its links followed: laurelized and proved", () => {
    const file = huggingFace();
    const copy = newFolder();
    for (const name of fs.readdirSync(path.dirname(file)))
      fs.copyFileSync(path.join(path.dirname(file), name), path.join(copy, name));
    const { code, stdout } = cli([path.join(copy, path.basename(file)), "--rank", "4"]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("bit-equal")]);
  });

  it("pnpm's node_modules: a linked folder with hard links in it", async () => {
    const root = newFolder();
    const store = path.join(root, "store");
    const real = path.join(root, "node_modules/.pnpm/pkg@1.0.0/node_modules/pkg");
    fs.mkdirSync(store);
    fs.mkdirSync(real, { recursive: true });
    const { model, data } = external();
    for (const [name, bytes] of [
      ["model.onnx", model],
      ["w.data", data],
    ] as const) {
      fs.writeFileSync(path.join(store, name), bytes);
      fs.linkSync(path.join(store, name), path.join(real, name));
    }
    fs.symlinkSync(".pnpm/pkg@1.0.0/node_modules/pkg", path.join(root, "node_modules/pkg"));
    await expectLaurelized(path.join(root, "node_modules/pkg/model.onnx"));
    expect(fs.readFileSync(path.join(store, "w.data"))).toEqual(data);
  });
});

describe("--copy-data", time, () => {
  it("writes the data too, named after the output, wherever that is", async () => {
    const { file, folder, data } = place();
    const other = newFolder();
    const out = path.join(other, "out.onnx");
    const { code, stdout } = cli([file, "--rank", "4", "--copy-data", "-o", out]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("bit-equal")]);
    expect(fs.readdirSync(other).sort()).toEqual(["out.onnx", "out.onnx.data", "out.onnx.w.data"]);
    expect(fs.readFileSync(path.join(other, "out.onnx.w.data"))).toEqual(data);
    fs.rmSync(folder, { recursive: true });
    await (await sessionOn(out)).release();
    expect([...(await openModel(out)).dataFiles].sort()).toEqual([
      "out.onnx.data",
      "out.onnx.w.data",
    ]);
  });

  it("is undone by strip, which brings the data back under its former name", async () => {
    const say = (location: string) => (entries: Entries) => ({ ...entries, location });
    for (const location of ["w.data", "./w.data", "sub/deep/w.data"]) {
      const { file, folder, model, data } = place(say(location), null);
      const own = path.join(folder, location);
      fs.mkdirSync(path.dirname(own), { recursive: true });
      fs.writeFileSync(own, data);
      const other = newFolder();
      const out = path.join(other, "out.onnx");
      expect(cli([file, "--rank", "4", "--copy-data", "-o", out]).code).toBe(0);
      const back = path.join(other, "back.onnx");
      expect(cli(["strip", out, "-o", back]).code).toBe(0);
      expect(fs.readFileSync(back)).toEqual(Buffer.from(model));
      expect(fs.readFileSync(path.join(other, location))).toEqual(data);
      await (await sessionOn(back)).release();
    }
  });

  it("is undone by strip beside the data of the original, which stays unchanged", () => {
    const { file, folder, model, data } = place();
    const own = path.join(folder, "w.data");
    const out = path.join(folder, "out.onnx");
    const back = path.join(folder, "back.onnx");
    expect(cli([file, "--rank", "4", "--copy-data", "-o", out]).code).toBe(0);
    const { ino } = fs.statSync(own);
    expect(cli(["strip", out, "-o", back]).code).toBe(0);
    expect(fs.readFileSync(back)).toEqual(Buffer.from(model));
    expect(fs.statSync(own).ino).toBe(ino);
    fs.rmSync(back);
    fs.writeFileSync(own, "of another model");
    expect(cli(["strip", out, "-o", back]).stderr).toMatch(/w\.data exists; pass --force/);
    expect(fs.existsSync(back)).toBe(false);
    expect(cli(["strip", out, "-o", back, "--force"]).code).toBe(0);
    expect(fs.readFileSync(own)).toEqual(data);
  });

  it("is undone by strip in no folder that a link leads to", () => {
    const { file, folder, data } = place(located("sub/w.data"), null);
    fs.mkdirSync(path.join(folder, "sub"));
    fs.writeFileSync(path.join(folder, "sub/w.data"), data);
    const [other, outside] = [newFolder(), newFolder()];
    const out = path.join(other, "out.onnx");
    expect(cli([file, "--rank", "4", "--copy-data", "-o", out]).code).toBe(0);
    fs.symlinkSync(outside, path.join(other, "sub"));
    const before = fs.readdirSync(other);
    const { code, stderr } = cli(["strip", out]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/sub is not a folder/)]);
    expect(fs.readdirSync(outside)).toEqual([]);
    expect(fs.readdirSync(other)).toEqual(before);
  });

  it.each([
    ["./w.bin", "o.onnx.w.bin"],
    [".w.bin", "o.onnx.w.bin"],
    ["a//.//w..bin", "o.onnx.a.w.bin"],
    ["w.bin", "o.onnx.w.bin"],
  ])("names the copy of %s %s, without the dots that ONNX's checker refuses", (from, to) => {
    expect([...copyNames([from], "o.onnx").values()]).toEqual([to]);
  });

  it("gives the copies names that differ on every file system", () => {
    const files = ["data", "Data", "caf\u00e9", "cafe\u0301", "w", "w.", "strasse", "STRAßE"];
    const names = [...copyNames(files, "o.onnx", "O.onnx.data").values()];
    expect(names).toEqual([
      "o.onnx.data.2",
      "o.onnx.Data.3",
      "o.onnx.caf\u00e9",
      "o.onnx.cafe\u0301.2",
      "o.onnx.w",
      "o.onnx.w.2",
      "o.onnx.strasse",
      "o.onnx.STRAßE.2",
    ]);
  });

  it("keeps new weights and a copy of a file called data apart", async () => {
    const { file } = place(located("data"), "data");
    const out = path.join(newFolder(), "o.onnx");
    expect(cli([file, "--rank", "4", "--copy-data", "-o", out]).code).toBe(0);
    expect(cli([file, "--rank", "4", "--copy-data", "-o", out, "--force"]).code).toBe(0);
    const files = ["o.onnx", "o.onnx.data", "o.onnx.data.2"];
    expect(fs.readdirSync(path.dirname(out)).sort()).toEqual(files);
    const named = ["--copy-data", "-o", out, "--external-data", "O.ONNX", "--force"];
    expectRefused([file, ...named], path.dirname(out), "the name of the model itself");
    for (const named of [{ externalData: "../w" }, { externalData: "" }, { copyData: "a/o" }])
      await expect(laurelize(await openModel(file), { ort, ...named })).rejects.toThrow(
        "must be a file name without folders",
      );
    const both = { ort, linkWeights: true, copyData: "o.onnx" };
    await expect(laurelize(await openModel(file), both)).rejects.toThrow("give only one of them");
    const again = laurelize(await openModel(file), { ort, rank: 4, externalData: "DATA" });
    await expect(again).rejects.toThrow("DATA is a data file of model.onnx already");
  });

  it("names the copies of several files apart, and knows the folders below", async () => {
    const folder = newFolder();
    let turn = 0;
    const names = ["a/w", "a.w", "b"];
    const { model, data } = external((entries) => located(names[turn++ % 3])(entries));
    fs.mkdirSync(path.join(folder, "a"));
    for (const name of names) fs.writeFileSync(path.join(folder, name), data);
    const file = path.join(folder, "model.onnx");
    fs.writeFileSync(file, model);
    const out = path.join(newFolder(), "o.onnx");
    expect(cli([file, "--rank", "1", "--copy-data", "-o", out]).code).toBe(0);
    const copies = ["o.onnx.a.w", "o.onnx.a.w.2", "o.onnx.b"];
    expect(fs.readdirSync(path.dirname(out))).toEqual(expect.arrayContaining(copies));
  });

  it.each([
    ["model.onnx.data", ["model.onnx", "model.onnx.data", "model.onnx.model.onnx.data"]],
    ["model.onnx.model.onnx.data", undefined],
    // Two files that swap their names.
    ["model.onnx_data_1,model.onnx_data", undefined],
  ])("under the model's own name, whose data is %s", async (named, made) => {
    const names = named.split(",");
    const folder = newFolder();
    let turn = 0;
    const { model, data } = external((entries) => located(names[turn++ % names.length])(entries));
    for (const name of names) fs.writeFileSync(path.join(folder, name), data);
    fs.writeFileSync(path.join(folder, "model.onnx"), model);
    const out = path.join(newFolder(), "model.onnx");
    const { code, stdout } = cli([
      path.join(folder, "model.onnx"),
      ...["--rank", "4", "--copy-data", "-o", out],
    ]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("bit-equal")]);
    if (made) expect(fs.readdirSync(path.dirname(out)).sort()).toEqual(made);
    const back = path.join(newFolder(), "model.onnx");
    expect(cli(["strip", out, "-o", back]).code).toBe(0);
    for (const name of names)
      expect(fs.readFileSync(path.join(path.dirname(back), name))).toEqual(data);
    await (await sessionOn(out)).release();
  });

  it("leaves nothing behind if the model is not kept", async () => {
    const { file, folder } = place();
    const other = newFolder();
    const laurel = await laurelize(await openModel(file), { ort, rank: 4, copyData: "out.onnx" });
    expect((await prove(laurel, { ort })).passed).toBe(true);
    const pending = stageModel(laurel.model, path.join(other, "out.onnx"));
    await (await sessionOn(pending.path)).release();
    expect(fs.readdirSync(other).filter((name) => !name.startsWith("."))).toEqual([]);
    pending.discard();
    expect(fs.readdirSync(other)).toEqual([]);
    expectRefused([file, "--copy-data", "--dim", "N=-1"], folder, "--dim");
  });

  it("never replaces the data it copies, nor another file without --force", () => {
    const { file, folder } = place();
    fs.writeFileSync(path.join(folder, "out.onnx.w.data"), "mine");
    const out = path.join(folder, "out.onnx");
    expectRefused([file, "--copy-data", "-o", out], folder, "pass --force");
    expect(cli([file, "--rank", "4", "--copy-data", "-o", out, "--force"]).code).toBe(0);
  });
});

describe("--external-data", time, () => {
  const dataFilesOf = async (...options: string[]) => {
    const { file } = place();
    expect(cli([file, "--rank", "4", ...options]).code).toBe(0);
    return [...(await openModel(file.replace(".onnx", ".laurel.onnx"))).dataFiles].sort();
  };

  it("names the file of new weights, and --no-external-data keeps them in the model", async () => {
    expect(await dataFilesOf()).toEqual(["model.laurel.onnx.data", "w.data"]);
    expect(await dataFilesOf("--external-data", "new.bin")).toEqual(["new.bin", "w.data"]);
    expect(await dataFilesOf("--no-external-data")).toEqual(["w.data"]);
  });

  it("names data for the web as transformers.js looks for it: model.onnx_data, then numbered", async () => {
    const web = located("model.onnx_data");
    const { file, data, folder } = place(web, "model.onnx_data");
    const dataFiles = async (result: string) => [...(await openModel(result)).dataFiles].sort();
    expect(cli([file, "--rank", "4"]).code).toBe(0);
    const beside = path.join(folder, "model.laurel.onnx");
    expect(await dataFiles(beside)).toEqual(["model.laurel.onnx_data", "model.onnx_data"]);
    const out = path.join(newFolder(), "o.onnx");
    expect(cli([file, "--rank", "4", "--copy-data", "-o", out]).code).toBe(0);
    expect(await dataFiles(out)).toEqual(["o.onnx_data", "o.onnx_data_1"]);
    expect(fs.readFileSync(`${out}_data`)).toEqual(data);
    await (await sessionOn(out)).release();
    const plain = place();
    expect(cli([plain.file, "--rank", "4", "--external-data", "--also-web"]).code).toBe(0);
    const also = plain.file.replace(".onnx", ".laurel.onnx");
    expect(await dataFiles(also)).toEqual(["model.laurel.onnx_data", "w.data"]);
  });

  it("is a file name, and none of the model's own files", () => {
    const twice = place();
    expectRefused([twice.file, "--external-data", "a..bin"], twice.folder, "must be a file name");
    const { file, folder } = place();
    expectRefused([file, "--external-data", "../new.bin"], folder, "must be a file name");
    expectRefused([file, "--external-data", "w.data", "-f"], folder, "never overwritten");
  });
});

describe("false statements of a model about its data", time, () => {
  it.each<[string, Entries, string]>([
    ["an offset behind the end", { offset: "4000000000" }, "truncated"],
    ["an offset that is not a number", { offset: "12abc" }, 'offset "12abc", which is not a size'],
    ["a negative offset", { offset: "-4" }, 'offset "-4", which is not a size'],
    ["a length that is not a number", { length: "1e3" }, 'length "1e3", which is not a size'],
    ["a length beyond 2^53", { length: "99999999999999999999" }, "which is not a size"],
    ["a length that is not the shape's", { length: "4" }, "but holds 4"],
    ["no location", { location: "" }, "does not name a file"],
  ])("%s", (_, said, word) =>
    expectClosed(place((entries) => ({ ...entries, ...said })).file, word),
  );

  it("a data file that was cut off", async () => {
    const { file, folder, data } = place();
    fs.truncateSync(path.join(folder, "w.data"), data.length - 1);
    expectRefused([file, "--no-prove"], folder, "data file is truncated");
  });
});

const corpus = corpusFolder();
describe.skipIf(!corpus)("a GPT-2 as torch exports it with external data", time, () => {
  it("is rewritten beside its data, and proved", async () => {
    const folder = newFolder();
    for (const name of ["hf_gpt2_external.onnx", "hf_gpt2_external.onnx.data"]) {
      fs.copyFileSync(path.join(corpus ?? "", "models", name), path.join(folder, name));
      fs.chmodSync(path.join(folder, name), 0o644);
    }
    const file = path.join(folder, "hf_gpt2_external.onnx");
    await expectLaurelized(file);
    expectRefused(
      [file, "-o", path.join(newFolder(), "out.onnx"), "--force"],
      folder,
      "into that folder",
    );
  });
});

it("a model without data files may have new ones in any folder, and is proved there", () => {
  const file = path.join(newFolder(), "model.onnx");
  fs.writeFileSync(file, fixture("pre-norm-mlp"));
  const elsewhere = newFolder();
  const { code, stdout, stderr } = cli([
    file,
    "--per-channel",
    "--rank",
    "4",
    "--external-data",
    "-o",
    path.join(elsewhere, "o.onnx"),
  ]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("same function");
  expect(fs.readdirSync(elsewhere).sort()).toEqual(["o.onnx", "o.onnx.data"]);
});

describe("weights outside a model that is given as bytes", time, () => {
  it("are proved with it, its data files given by their locations", async () => {
    const { model, data } = external(located("./w.data"));
    const file = new File([Buffer.from(model)], "given.onnx");
    const opened = await openModel(file, { data: { "w.data": new Blob([data]) } });
    const laurel = await laurelize(opened, { ort, rank: 4, externalData: null });
    const { passed, checks } = await prove(laurel, { ort });
    expect([passed, checks.length]).toEqual([true, 4]);
    expect(laurel.model.dataFiles).toEqual(["./w.data"]);
  });

  it("are named, with the model's own name, if their file is not given", async () => {
    const file = new File([Buffer.from(external().model)], "given.onnx");
    await expect(openModel(file, { data: {} })).rejects.toThrow(
      "given.onnx keeps weights in w.data, which is missing; give that file together with the model.",
    );
    await expect(openModel(file, { data: { "w.data": new Uint8Array(8) } })).rejects.toThrow(
      /^given\.onnx.*w\.data/,
    );
  });
});
