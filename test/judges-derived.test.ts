import fs from "node:fs";
import path from "node:path";
import { differentiate, laurelize, openModel, stepGraph, trainableWeights } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";
import { judged, judgePython, type Request } from "./support/judge.ts";
import { forms, placed, streams } from "./support/results.ts";
import { swept } from "./support/sweep.ts";

const python = judgePython();

const SHAPES: Readonly<Record<string, readonly [x: number[], z: number[]]>> = {
  rows: [
    [2, 8],
    [2, 8],
  ],
  images: [
    [2, 8, 5, 5],
    [2, 8, 5, 5],
  ],
  between: [
    [2, 3, 8, 5],
    [2, 3, 5, 8],
  ],
};

describe.skipIf(!python)(
  "onnx's checker and onnxruntime for Python accept",
  {
    timeout: 600_000,
  },
  () => {
    it("step graphs and gradients of every layout at opsets 7 to 26", async () => {
      const folder = temporaryFolder();
      const requests: Request[] = [];
      const shaped = streams(["float"]).filter(([name]) => name.split("-")[0] in SHAPES);
      // Each layout at some opsets, and every opset.
      const originals = swept(shaped, 5);
      for (const [k, original] of originals.entries()) {
        const like = placed(folder, original);
        const { variant, normalize, perChannel } = forms[(k * 5) % forms.length];
        const options = { ort, variant: variant as "rw", normalize, perChannel, rank: 2 };
        const { model } = await laurelize(await openModel(like), options);
        const [x, z] = SHAPES[original[0].split("-")[0]];
        const steps = await stepGraph(model, {
          ort,
          loss: "mse",
          target: { name: "target", type: { dtype: "float", shape: z } },
          inputs: { x },
        });
        const dims = original[0].startsWith("between") ? {} : { N: 2 };
        const wrt = trainableWeights(model);
        const gradients = await differentiate(model, { ort, wrt, of: ["z"], dims });
        for (const [part, made] of [
          ["whole", steps.whole],
          ["gradients", steps.gradients],
          ["update", steps.update],
          ["differentiated", gradients.model],
        ] as const) {
          const file = path.join(folder, `${original[0]}.${part}.onnx`);
          fs.writeFileSync(file, made.toBytes());
          requests.push({ model: file, like, levels: ["disabled"] });
        }
      }
      const { faults, sound } = await judged(python!, requests);
      expect(faults).toEqual([]);
      expect(sound).toBe(originals.length);
    });
  },
);
