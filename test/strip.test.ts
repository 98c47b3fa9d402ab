import fs from "node:fs";
import path from "node:path";
import {
  findResiduals,
  InputError,
  laurelize,
  openModel,
  prove,
  strip,
  type VariantName,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { corpus, fixture, fixtureNames, temporaryFolder } from "./support/fixture.ts";
import { swept } from "./support/sweep.ts";

const { onnx } = onnxProto;
const folder = temporaryFolder();

/** Laurelizes and strips; null where there is no site. */
async function around(
  bytes: Uint8Array | string,
  variant: VariantName,
): Promise<Uint8Array | null> {
  const model = await openModel(bytes);
  if ((await findResiduals(model, { ort })).sites.length === 0) return null;
  const { model: result } = await laurelize(model, { ort, variant, again: true });
  const again = typeof bytes === "string" ? result : await openModel(result.toBytes());
  return (await strip(again)).model.toBytes();
}

describe("strip", () => {
  it("gives back the fixtures' bytes", async () => {
    for (const name of swept(fixtureNames(), 6)) {
      const bytes = fixture(name);
      const back = await around(bytes, "rw+lr+pa");
      if (back) expect(Buffer.compare(back, bytes), name).toBe(0);
    }
  });

  const root = corpus();
  it.skipIf(!root)("gives back the corpus models' bytes", { timeout: 60_000 }, async () => {
    const models = ["models", "wild"].flatMap((sub) =>
      fs.readdirSync(path.join(root!, sub)).map((name) => path.join(root!, sub, name)),
    );
    const all = models.filter((name) => name.endsWith(".onnx"));
    for (const file of swept(all, 3)) {
      const back = await around(file, "rw+lr");
      if (back) expect(Buffer.compare(back, fs.readFileSync(file)), file).toBe(0);
    }
  });

  it("through the command line, checked by the original's hash", () => {
    const file = path.join(folder, "model.onnx");
    fs.writeFileSync(file, fixture("pre-norm-mlp"));
    cli([file, "-q"]);
    const laurel = path.join(folder, "model.laurel.onnx");
    expect(cli(["strip", laurel])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--force"),
    });
    const back = path.join(folder, "back.onnx");
    expect(cli(["strip", laurel, "-o", back])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("byte for byte the original"),
    });
    expect(fs.readFileSync(back)).toEqual(fs.readFileSync(file));
    expect(cli(["strip", file, "-o", `${back}2`])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("not laurelized"),
    });
    cli([file, "-q", "-f", "--no-hash"]);
    expect(cli(["strip", laurel, "-o", back, "-f"]).stdout).toContain("not checked");
  });

  const changed: [string, (proto: InstanceType<typeof onnx.ModelProto>) => void][] = [
    [
      "training changed an old weight",
      (m) => m.graph!.initializer!.find(({ name }) => name === "up")!.rawData!.fill(1, 0, 3),
    ],
    [
      "another tool dropped a node's name",
      (m) => {
        for (const node of m.graph!.node!) node.name = "";
      },
    ],
    [
      "another tool added metadata",
      (m) => {
        m.metadataProps!.push(onnx.StringStringEntryProto.create({ key: "k", value: "v" }));
      },
    ],
  ];
  it.each(changed)("refuses in a sentence if %s", async (_, change) => {
    const { model } = await laurelize(await openModel(fixture("pre-norm-mlp")), { ort });
    const proto = onnx.ModelProto.decode(model.toBytes());
    change(proto as InstanceType<typeof onnx.ModelProto>);
    const rewritten = await openModel(onnx.ModelProto.encode(proto).finish());
    await expect(strip(rewritten)).rejects.toThrow(/was rewritten by another tool/);
  });

  it.each([
    "{",
    "{}",
    '{"sites":[],"undo":{"size":-1,"steps":[]}}',
    '{"sites":[],"undo":{"size":1,"steps":[[0,1e9,"x"]]}}',
  ])("refuses the hostile manifest %s", async (value) => {
    const proto = onnx.ModelProto.decode(fixture("pre-norm-mlp"));
    proto.metadataProps.push(onnx.StringStringEntryProto.create({ key: "laurelize", value }));
    const model = await openModel(onnx.ModelProto.encode(proto).finish());
    await expect(strip(model)).rejects.toThrow(/was rewritten by another tool/);
  });
});

describe("--again", () => {
  it.each<[string, Record<string, unknown>]>([
    ["nothing to undo", { undo: null }],
    ["no step from the lowered model", { opening: [null] }],
    ["a hash that is not text", { sha256: 0, undo: { size: 3, steps: [] } }],
    ["no hash", { sha256: undefined }],
  ])("refuses a result whose metadata has %s", async (_, said) => {
    const { model } = await laurelize(await openModel(fixture("pre-norm-mlp")), { ort });
    const proto = onnx.ModelProto.decode(model.toBytes());
    const entry = proto.metadataProps.at(-1)!;
    entry.value = JSON.stringify({ ...JSON.parse(entry.value!), ...said });
    const damaged = await openModel(onnx.ModelProto.encode(proto).finish());
    await expect(strip(damaged)).rejects.toThrow(InputError);
  });

  it("adds to a laurelized model, and strip takes off one layer at a time", async () => {
    const plain = await openModel(fixture("pre-norm-transformer"));
    const { sites } = await findResiduals(plain, { ort });
    const once = await laurelize(plain, { ort, variant: "rw" });
    const first = await openModel(once.model.toBytes());
    await expect(laurelize(first, { ort })).rejects.toThrow(/already laurelized/);
    const twice = await laurelize(first, { ort, variant: "rw+lr+pa", again: true, rank: 2 });
    expect(twice.plan.sites.map(({ site }) => site.output.name)).toEqual(
      sites.map(({ output }) => output.name),
    );
    expect(twice.plan.sites.map(({ site }) => [site.stream, site.position])).toEqual(
      sites.map(({ stream, position }) => [stream, position]),
    );
    expect((await prove(twice, { ort })).passed).toBe(true);
    const back = await strip(await openModel(twice.model.toBytes()));
    expect(Buffer.compare(back.model.toBytes(), first.toBytes())).toBe(0);
    const original = await strip(await openModel(back.model.toBytes()));
    expect(Buffer.compare(original.model.toBytes(), plain.toBytes())).toBe(0);
  });
});
