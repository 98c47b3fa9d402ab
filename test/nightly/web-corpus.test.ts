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

/** How far loss and gradient of a step may lie apart, relative; measured, 1e-6 for all others. */
const APART: readonly (readonly [RegExp, number])[] = [
  // Rounded to 8 bits, or computed in half precision, a last bit is a large step.
  [/resnet_qdq/, 1e-2],
  [/convnext_half/, 1e-4],
  // Measured: 1.0e-6, 1.1e-6 and 1.2e-6.
  [/hf_llama|whisper_encoder|genai_tiny_gpt2/, 2e-6],
];
/** How many times node's own difference between optimized and not the two may lie apart. */
const NOISE = 4;

describe.skipIf(!folder)("the corpus under onnxruntime-web", { timeout: 60_000 }, () => {
  let node: Awaited<ReturnType<typeof inProcess>>;
  let plain: typeof node;
  let web: typeof node;

  beforeAll(async () => {
    await bundleChild();
    node = await inProcess("node", files);
    plain = await inProcess("node", files, { prove: false, ceiling: "disabled" });
    web = await inProcess("web", files);
  }, 1_200_000);

  it.each(files.map((file) => [path.basename(file), file]))("%s", (_, file) => {
    const [here, there] = [node.get(file), web.get(file)] as [Outcome, Outcome];
    const { step: own, ...rest } = here;
    const { step, ...others } = there;
    expect(others).toEqual(rest);
    expect(step === null).toBe(own === null);
    const allowed = APART.find(([name]) => name.test(file))?.[1] ?? 1e-6;
    // A gradient may be nothing but rounding, as in a model whose weights are all equal.
    const unoptimized = (plain.get(file) as Outcome).step;
    for (const key of ["loss", "norm"] as const)
      if (own && step) {
        const noise = Math.abs(unoptimized![key] - own[key]);
        const most = Math.max(allowed * Math.abs(own[key]), NOISE * noise);
        expect(Math.abs(step[key] - own[key])).toBeLessThanOrEqual(most);
      }
  });
});
