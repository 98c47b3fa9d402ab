import fs from "node:fs";
import path from "node:path";
import { openModel, saveModel, splitModel } from "laurelize";
import * as wasm from "onnxruntime-web";
import { beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "./support/api-run.ts";
import { temporaryFolder, textOf } from "./support/fixture.ts";
import { bundleChild, inProcess } from "./support/in-process.ts";
import { modelOfText } from "./support/onnx-text.ts";
import { swept } from "./support/sweep.ts";

/** Fixtures with free dimensions, of convolutions, attention, bodies and half precision. */
const NAMES = [
  "bottleneck-half-precision",
  "pre-norm-mlp",
  "albert-shared-layer",
  "diffusion-block",
  "bottleneck-adapter",
  "layer-scale",
];

/** The same model with its free dimensions named, and without names. */
const variants = (name: string): [string, string][] => {
  const text = textOf(name);
  const unnamed = text.replace(/\[[^\]]*\](?= \w+[,)])/g, (dims) =>
    dims.replace(/\b[A-Za-z]\w*/g, "?"),
  );
  return [
    [name, text],
    [`${name}, unnamed`, unnamed],
  ];
};

const cases = swept(NAMES, 3).flatMap(variants);

describe("the API under onnxruntime-web in a process of its own", { timeout: 300_000 }, () => {
  const folder = temporaryFolder();
  const files = cases.map(([, text], k) => {
    const file = path.join(folder, `${k}.onnx`);
    fs.writeFileSync(file, modelOfText(text));
    return file;
  });
  let node: Awaited<ReturnType<typeof inProcess>>;
  let web: typeof node;

  beforeAll(async () => {
    const whole = await openModel(files[cases.length - 1]);
    files.push(path.join(folder, "in-files.onnx"));
    await saveModel(splitModel(whole, "in-files.onnx", 1 << 20), files[cases.length]);
    await bundleChild();
    node = await inProcess("node", files);
    web = await inProcess("web", files);
  }, 300_000);

  it("is read from wasm, which spells an unnamed dimension 4294967295", async () => {
    wasm.env.wasm.numThreads = 1;
    const session = await wasm.InferenceSession.create(fs.readFileSync(files[1]));
    expect(session.inputMetadata[0]).toMatchObject({
      shape: expect.arrayContaining([2 ** 32 - 1]),
    });
    await session.release();
  });

  it.each([...cases.map(([name]) => name), "with data files"].map((name, k) => [name, k]))(
    "%s",
    (_, k) => {
      const file = files[k as number];
      const [here, there] = [node.get(file), web.get(file)] as [Outcome, Outcome];
      expect(here.sites.length).toBeGreaterThan(0);
      const { step: own, ...rest } = here;
      const { step, ...others } = there;
      expect(others).toEqual(rest);
      expect(rest.verdicts.filter((verdict) => !verdict.endsWith(": passed"))).toEqual([]);
      expect(own).not.toBeNull();
      for (const key of ["loss", "norm"] as const)
        expect(Math.abs(step![key] - own![key])).toBeLessThanOrEqual(1e-6 * Math.abs(own![key]));
    },
  );

  it("reads models that were opened by path for the build that reads no paths", async () => {
    const last = files.slice(-2);
    const bare = await inProcess("wasm", last, { prove: false });
    const unproved = (file: string) => ({ ...web.get(file), verdicts: [] });
    expect(last.map((file) => bare.get(file))).toEqual(last.map(unproved));
  });
});
