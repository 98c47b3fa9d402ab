import fs from "node:fs";
import {
  adapterBytes,
  isLaurelized,
  openAdapter,
  openModel,
  strip,
  trainableWeights,
} from "laurelize";
import onnxProto from "onnx-proto";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import {
  CLASSES,
  examples,
  FEATURES,
  LITTLE,
  littleTraining,
  TOWARDS,
} from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { sessionOn } from "./support/session.ts";

const { onnx } = onnxProto;
const folder = temporaryFolder();
const { at, run } = littleTraining(folder);

describe("laurelize finetune", { timeout: 120_000 }, () => {
  const tuned = ["--lr", "0.03", "--rank", "4", "--epochs", "6"];

  it("trains a plain model and writes model, adapter, log, curve and state", async () => {
    const out = at("tuned.onnx");
    const ran = run("train.npz", "--eval", at("val.npz"), "--json", ...tuned, "-o", out);
    expect(ran.stderr).toContain("epoch 6/6: loss");
    expect(ran.code).toBe(0);
    const report = JSON.parse(ran.stdout);
    expect(report.steps).toBe(6 * 8);
    expect(report.best.loss).toBeLessThan(0.8 * report.before.loss);
    for (const name of Object.values<string | null>(report.files))
      if (name) expect(fs.existsSync(name), name).toBe(true);
    const log = JSON.parse(fs.readFileSync(at("tuned.json"), "utf8"));
    expect(log.steps.length).toBe(48);
    expect(fs.readFileSync(at("tuned.svg"), "utf8")).toMatch(/<svg/);

    const model = await openModel(out);
    expect(isLaurelized(model)).toBe(true);
    expect((await strip(model)).model.toBytes()).toEqual(new Uint8Array(modelOfText(LITTLE)));
    // The tuned file scores in onnxruntime what the report says of its best epoch.
    const { x, labels } = examples(64, "val");
    const session = await sessionOn(out);
    const feeds = { x: new ort.Tensor("float32", x[0] as Float32Array, x[1]) };
    const p = (await session.run(feeds)).p.data as Float32Array;
    const loss = Array.from(
      labels[0] as BigInt64Array,
      (label, k) => -Math.log(p[k * CLASSES + Number(label)]),
    );
    expect(loss.reduce((a, b) => a + b, 0) / 64).toBeCloseTo(report.best.loss, 4);
  });

  it("changes the weights' bytes and no others, and the adapter alone brings them", async () => {
    expect(
      cli([at("net.onnx"), "--feature-axis", "1", "--rank", "4", "-o", at("net.laurel.onnx")]).code,
    ).toBe(0);
    const ran = cli([
      "finetune",
      at("net.laurel.onnx"),
      "--data",
      at("train.npz"),
      ...TOWARDS,
      ...tuned,
      "-o",
      at("again.onnx"),
    ]);
    expect(ran.code).toBe(0);
    const [before, after] = ["net.laurel.onnx", "again.onnx"].map((name) =>
      fs.readFileSync(at(name)),
    );
    expect(after.length).toBe(before.length);
    const model = await openModel(at("net.laurel.onnx"));
    const own = new Set(trainableWeights(model));
    const ranges = model.file.graph.initializers
      .filter(({ name }) => own.has(name))
      .map(({ raw }) => raw!);
    for (const [k, byte] of after.entries())
      if (byte !== before[k])
        expect(ranges.some(({ start, end }) => k >= start && k < end)).toBe(true);
    expect(
      cli(["apply", at("net.onnx"), at("again.safetensors"), "-o", at("applied.onnx")]).code,
    ).toBe(0);
    expect(fs.readFileSync(at("applied.onnx"))).toEqual(after);
  });

  it("stops after epochs without improvement", () => {
    const ran = run(
      "train.npz",
      "--eval",
      at("val.npz"),
      "--lr",
      "5",
      "--epochs",
      "50",
      "--patience",
      "2",
      "--json",
      "-o",
      at("patient.onnx"),
    );
    const { stopped, epochs, best } = JSON.parse(ran.stdout);
    expect(stopped).toBe("patience");
    expect(epochs.length).toBe(best.epoch + 2);
  });

  it("names what has no gradient before anything is trained, and goes around it with --until", () => {
    const past = LITTLE.replace(
      "p = Softmax<axis = -1>(logits)",
      "[sample] p = com.microsoft.SampleOp(logits)",
    ).replace('"" : 17', '"" : 17, "com.microsoft" : 1');
    fs.writeFileSync(at("past.onnx"), modelOfText(past));
    const given = ["finetune", at("past.onnx"), "--data", at("train.npz"), ...TOWARDS];
    const refused = cli([...given, "-o", at("past.tuned.onnx")]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/SampleOp at sample.*gradient/);
    expect(fs.existsSync(at("past.tuned.onnx"))).toBe(false);
    const around = cli([...given, "--until", "logits", "-o", at("past.tuned.onnx")]);
    expect([around.code, around.stdout]).toEqual([0, expect.stringContaining("wrote")]);
  });

  const broken: [string, () => Uint8Array, RegExp][] = [
    ["a missing array", () => npzOf({ x: examples(8, "m").x }), /has no array labels/],
    [
      "a label out of range",
      () =>
        npzOf({
          ...examples(8, "m"),
          labels: [BigInt64Array.from([0n, 1n, 2n, 3n, 0n, 0n, 0n, 0n]), [8]],
        }),
      /is 3 in row 3/,
    ],
    [
      "inputs of another type",
      () => npzOf({ ...examples(8, "m"), x: [new BigInt64Array(8 * FEATURES), [8, FEATURES]] }),
      /int64/,
    ],
    [
      "a NaN",
      () =>
        npzOf({
          ...examples(8, "m"),
          x: [new Float32Array(8 * FEATURES).fill(Number.NaN), [8, FEATURES]],
        }),
      /NaN|not a number/,
    ],
    [
      "targets that are no probabilities",
      () =>
        npzOf({
          ...examples(8, "m"),
          labels: [new Float32Array(8 * CLASSES).fill(1.5), [8, CLASSES]],
        }),
      /labels of broken.npz is 1.5 in row 0 .* from 0 to 1/,
    ],
    [
      "labels of which none counts",
      () => npzOf({ ...examples(8, "m"), labels: [new BigInt64Array(8).fill(-100n), [8]] }),
      /is -100 in every row, the label to ignore/,
    ],
    ["an empty file", () => new Uint8Array(), /empty|no \.npz/],
  ];
  it.each(broken)("refuses %s in one sentence, and writes nothing", (_, make, sentence) => {
    fs.writeFileSync(at("broken.npz"), make());
    const ran = run("broken.npz", "-o", at("never.onnx"));
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(sentence);
    expect(
      ran.stderr
        .trim()
        .split("\n")
        .filter((line) => line.startsWith("laurelize:")).length,
    ).toBe(1);
    expect(fs.readdirSync(folder).some((name) => name.startsWith("never"))).toBe(false);
  });

  it("takes a target that has the name of an input or an output of the model", () => {
    const soft = Array.from({ length: 8 * CLASSES }, (_, k) => (k % CLASSES === 0 ? 1 : 0));
    fs.writeFileSync(
      at("p.npz"),
      npzOf({ x: examples(8, "m").x, p: [Float32Array.from(soft), [8, CLASSES]] }),
    );
    const ran = run("p.npz", "--target", "p", "--epochs", "1", "-o", at("p.onnx"));
    expect(ran.code, ran.stderr).toBe(2);
    expect(ran.stderr).toContain("--target is given twice");
    // yargs alone would make four epochs of these.
    expect(run("p.npz", "-e", "3", "--epochs=1").stderr).toMatch(/--epochs is given twice/);
    const given = ["finetune", at("net.onnx"), "--data", at("p.npz"), "--feature-axis", "1"];
    const once = [...given, "--loss", "cross-entropy", "--epochs", "1"];
    const output = cli([...once, "--target", "p", "-o", at("p.onnx")]);
    expect(output.code, output.stderr).toBe(0);
    const input = cli([
      ...given,
      "--loss",
      "mse",
      "--until",
      "y",
      "--target",
      "x",
      "-o",
      at("x.onnx"),
    ]);
    expect(input.code, input.stderr).toBe(0);
  });

  it("trains a head too, of a model whose weights are inputs as IR 3 has them, in opset 7", async () => {
    const old = LITTLE.replace(
      '<ir_version: 8, opset_import: ["" : 17]>',
      '<ir_version: 3, opset_import: ["" : 7]>',
    )
      .replace(" x) =>", " x, float[8, 16] up, float[16, 8] down, float[8, 3] head) =>")
      .replace("axis = -1", "axis = 1");
    fs.writeFileSync(at("ir3.onnx"), modelOfText(old));
    const given = ["finetune", at("ir3.onnx"), "--data", at("train.npz"), ...TOWARDS];
    const how = ["--epochs", "2", "--train", "he*", "--weights", "as-inputs"];
    const ran = cli([...given, ...how, "-o", at("ir3.tuned.onnx")]);
    expect(ran.code, ran.stderr).toBe(0);
    const adapter = await openAdapter(at("ir3.tuned.safetensors"));
    expect(adapter.tensors.map(({ name }) => name)).toContain("head");
    const served = ["apply", at("ir3.onnx"), at("ir3.tuned.safetensors"), "--weights", "as-inputs"];
    expect(cli([...served, "-o", at("ir3.served.onnx")]).code).toBe(0);
    expect(fs.readFileSync(at("ir3.served.onnx"))).toEqual(fs.readFileSync(at("ir3.tuned.onnx")));
    const again = cli(["finetune", at("ir3.served.onnx"), "--data", at("train.npz"), ...TOWARDS]);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/takes its LAuReL weights as inputs and does not contain them/);
  });

  it("stops if the loss diverges, names step and batch, and keeps weights that give a finite one", async () => {
    const { x } = examples(64, "val");
    const feeds = { x: new ort.Tensor("float32", x[0] as Float32Array, x[1]) };
    const courses: [string[], RegExp][] = [
      [["--epochs", "2"], /laurelize: the loss is NaN at step 2, batch 2; /],
      // Where the epoch ends before the loss has told, and where training does.
      [["--epochs", "2", "-b", "256"], /the loss is NaN at step 2, batch 1; /],
      [["--epochs", "1", "-b", "256"], /the loss is NaN after step 1, the last; /],
    ];
    for (const [course, sentence] of courses) {
      const ran = run("train.npz", "--lr", "1e30", ...course, "-f", "-o", at("wild.onnx"));
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(sentence);
      expect(JSON.parse(fs.readFileSync(at("wild.json"), "utf8")).stopped).toBe("diverged");
      const session = await sessionOn(at("wild.onnx"));
      const { p } = await session.run(feeds);
      expect((p.data as Float32Array).every(Number.isFinite)).toBe(true);
    }
  });

  it("reports token ids that the model does not have, and trains those it has, two inputs and several outputs", () => {
    const tokens = `<ir_version: 8, opset_import: ["" : 17]>
net (int64[N, S] ids, float[N, S] mask) => (float[N, 3] p, float[N, S, 8] y, float[2] fixed)
<float[20, 8] table, float[8, 16] up, float[16, 8] down, float[8, 3] head, int64[1] last = {-1}, float[2] two>
{
  e = Gather(table, ids)
  m = Unsqueeze(mask, last)
  x = Mul(e, m)
  wide = MatMul(x, up)
  nonlinear = Relu(wide)
  f = MatMul(nonlinear, down)
  y = Add(x, f)
  pooled = ReduceMean<axes = [1], keepdims = 0>(y)
  p = MatMul(pooled, head)
  fixed = Identity(two)
}`;
    fs.writeFileSync(at("tokens.onnx"), modelOfText(tokens));
    const tune = (highest: number, ...more: string[]) => {
      const ids = BigInt64Array.from({ length: 35 }, (_, k) => BigInt((k * 7) % (highest + 1)));
      const data = npzOf({
        ids: [ids, [7, 5]],
        mask: [new Float32Array(35).fill(1), [7, 5]],
        labels: [Uint8Array.from([0, 1, 2, 0, 1, 2, 0]), [7]],
      });
      fs.writeFileSync(at("ids.npz"), data);
      const given = ["finetune", at("tokens.onnx"), "--data", at("ids.npz"), "-f", "-b", "3"];
      return cli([...given, ...TOWARDS.slice(0, 4), "-o", at("tokens.tuned.onnx"), ...more]);
    };
    // Of three outputs of floats the labels fit one.
    expect(tune(19, "-e", "1").stderr).toMatch(
      /note: .* output p: of p, y, fixed, only this one fits/,
    );
    expect(tune(19, "--loss", "mse").stderr).toMatch(/--loss is given twice/);
    const ran = tune(19, "--until", "p", "--eval", at("ids.npz"), "--epochs", "2", "--json");
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ steps: 6, before: { rows: 7, examples: 7 } });
    const beyond = tune(25, "--until", "p");
    expect(beyond.code).toBe(2);
    expect(beyond.stderr).toMatch(/cannot run step 1, batch 1, \(.*bounds.*\); look at the data/);
    const distilled = ["--loss", "distillation", "--distil", "features", "--until", "pooled"];
    const inner = cli(["finetune", at("tokens.onnx"), "--data", at("ids.npz"), ...distilled]);
    expect(inner.code).toBe(2);
    tune(19);
    const followed = ["-e", "1", "-o", at("followed.onnx")];
    const again = cli([
      "finetune",
      at("tokens.onnx"),
      "--data",
      at("ids.npz"),
      ...distilled,
      ...followed,
    ]);
    expect(again.code, again.stderr).toBe(0);
  });

  it("of a model with external data keeps the new weights as apply does, byte for byte", async () => {
    const { initializer, ...graph } = onnx.ModelProto.decode(modelOfText(LITTLE)).graph!;
    const chunks = initializer!.map(({ rawData }) => rawData!);
    const outside = initializer!.map(({ rawData, ...tensor }, k) => ({
      ...tensor,
      dataLocation: 1,
      externalData: Object.entries({
        location: "net.data",
        offset: String(chunks.slice(0, k).reduce((sum, { length }) => sum + length, 0)),
        length: String(rawData!.length),
      }).map(([key, value]) => ({ key, value })),
    }));
    const whole = onnx.ModelProto.decode(modelOfText(LITTLE));
    const bytes = onnx.ModelProto.encode({
      irVersion: whole.irVersion!,
      opsetImport: whole.opsetImport!,
      graph: { ...graph, initializer: outside },
    } as object).finish();
    for (const home of ["one", "two"]) {
      fs.mkdirSync(at(home));
      fs.writeFileSync(at(`${home}/net.onnx`), bytes);
      fs.writeFileSync(at(`${home}/net.data`), Buffer.concat(chunks));
    }
    const given = ["finetune", at("one/net.onnx"), "--data", at("train.npz"), ...TOWARDS];
    const ran = cli([...given, "--epochs", "1", "--train", "head", "--rank", "4"]);
    expect(ran.code, ran.stderr).toBe(0);
    const adapter = at("one/net.tuned.safetensors");
    expect(cli(["apply", at("two/net.onnx"), adapter]).code).toBe(0);
    for (const name of ["net.data", "net.tuned.onnx", "net.tuned.onnx.data"])
      expect(
        Buffer.compare(
          ...(["one", "two"].map((home) => fs.readFileSync(at(`${home}/${name}`))) as [
            Buffer,
            Buffer,
          ]),
        ),
        name,
      ).toBe(0);
    const taken = ["extract", at("one/net.tuned.onnx"), "--train", "head", "-o", at("taken")];
    expect(cli(taken).code).toBe(0);
    // What training alone knows is how many examples there were.
    const { examples: count, ...others } = await openAdapter(adapter);
    expect(count).toBe(256);
    expect(new Uint8Array(fs.readFileSync(at("taken")))).toEqual(adapterBytes(others));
  });

  it("keeps to the batch size that a model fixes, and says which rows are not evaluated", () => {
    fs.writeFileSync(at("eight.onnx"), modelOfText(LITTLE.replaceAll("[N,", "[8,")));
    fs.writeFileSync(at("twenty.npz"), npzOf(examples(20, "twenty")));
    fs.writeFileSync(at("five.npz"), npzOf(examples(5, "five")));
    const tune = (data: string, ...more: string[]) =>
      cli([
        "finetune",
        at("eight.onnx"),
        "--data",
        at(data),
        ...TOWARDS,
        "-e",
        "1",
        "-f",
        "-o",
        at("e.onnx"),
        ...more,
      ]);
    const ran = tune("twenty.npz", "--eval", at("twenty.npz"), "--json");
    expect(ran.stderr).toContain(
      "note: the last 4 rows of twenty.npz make no batch and are left out.",
    );
    expect(JSON.parse(ran.stdout)).toMatchObject({ steps: 2, before: { rows: 16 } });
    expect(tune("twenty.npz", "-b", "4").stderr).toMatch(
      /only takes batches of 8, but the batch size is 4/,
    );
    expect(tune("five.npz").stderr).toMatch(/5 rows, fewer than one batch of 8/);
    const free = run(
      "five.npz",
      "-b",
      "100",
      "-e",
      "1",
      "--eval",
      at("five.npz"),
      "--json",
      "-o",
      at("f.onnx"),
    );
    expect(JSON.parse(free.stdout)).toMatchObject({ steps: 1, before: { rows: 5 } });
  });

  it.each([
    [["--temperature", "0"], /--temperature must be a positive number \(got 0\)/],
    [["--threads", "-1"], /--threads must be an integer of at least 0 \(got -1\)/],
  ])("refuses %s for a distillation in a sentence", (options, sentence) => {
    const given = [at("net.onnx"), "--data", at("train.npz"), "--loss", "distillation"];
    const ran = cli(["finetune", ...given, ...options, "-o", at("never.onnx")]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(sentence);
  });

  it.each([
    [["--class-axis", "7"], /--class-axis 7 is not an axis of output \w+, whose axes are 0 to 1/],
    [["--ignore-index", "x"], /--ignore-index takes a number/],
    [["--ignore-index", "1.5"], /--ignore-index must be an integer \(got 1.5\)/],
    [["--epochs", "0"], /--epochs must be a positive integer \(got 0\)/],
    [["--batch-size", "0"], /--batch-size must be a positive integer \(got 0\)/],
    [["--lr", "-1"], /--lr must be a positive number \(got -1\)/],
    [["--lr"], /lr takes a value/],
    [["--train", ""], /empty glob/],
    [["--train", "fc.*"], /fc\.\* does not match any float weight/],
  ])("refuses %s in a sentence", (options, sentence) => {
    const ran = run("train.npz", ...options, "-o", at("never.onnx"));
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(sentence);
    expect(ran.stderr).not.toContain("fault of laurelize");
  });
});
