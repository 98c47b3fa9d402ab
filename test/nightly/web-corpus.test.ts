import fs from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "../support/api-run.ts";
import { corpus } from "../support/fixture.ts";
import { bundleChild, inProcess } from "../support/in-process.ts";

const folder = corpus();
const files = folder
  ? ["models", "wild"]
      .flatMap((name) =>
        fs.readdirSync(path.join(folder, name)).map((file) => path.join(name, file)),
      )
      .filter((file) => file.endsWith(".onnx"))
      // Its weights lie in another file, which no page can open; NCHWc blocks are for x64 alone.
      .filter((file) => !/gpt2_external|resnet_ortall/.test(file))
      .map((file) => path.join(folder, file))
  : [];

/** How far loss and gradient of a step may lie apart, relative; measured, 9e-7 for all others. */
const APART: readonly (readonly [RegExp, number])[] = [
  // Rounded to 8 bits, a last bit is a large step: 5.0e-3.
  [/resnet_qdq/, 7e-3],
  // Half precision, and weights that are all equal: 8.6e-6 and 8.1e-6.
  [/convnext_half|light_shufflenet/, 2e-5],
  // Measured: 1.0e-6, 1.1e-6, 1.2e-6 and 1.2e-6.
  [/hf_llama|whisper_encoder|genai_tiny_gpt2|resnet_fp16/, 2e-6],
];

type Step = NonNullable<Outcome["step"]>;

const isNear = (a: Step, b: Step, apart: number) =>
  (["loss", "norm"] as const).every((key) => Math.abs(a[key] - b[key]) <= apart * Math.abs(b[key]));

describe.skipIf(!folder)("the corpus under onnxruntime-web", { timeout: 60_000 }, () => {
  let node: Awaited<ReturnType<typeof inProcess>>;
  let web: typeof node;

  beforeAll(async () => {
    await bundleChild();
    node = await inProcess("node", files);
    web = await inProcess("web", files);
  }, 1_200_000);

  it.each(files.map((file) => [path.basename(file), file]))("%s", (_, file) => {
    const [here, there] = [node.get(file), web.get(file)] as [Outcome, Outcome];
    const { step: own, ...rest } = here;
    const { step, ...others } = there;
    expect(others).toEqual(rest);
    expect(step === null).toBe(own === null);
    const apart = APART.find(([name]) => name.test(file))?.[1] ?? 1e-6;
    if (!own || !step) return;
    expect(isNear(step, own, apart), JSON.stringify([step, own])).toBe(true);
    // A gradient that is wrong by 1 %, or by 1.4 % of 8 bits, does not pass.
    const wrong = { ...step, norm: step.norm * (1 + 2 * Math.max(apart, 5e-3)) };
    expect(isNear(wrong, own, apart)).toBe(false);
  });
});
