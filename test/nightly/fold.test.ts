import fs from "node:fs";
import path from "node:path";
import { foldProved, laurelize, NoSiteError, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { corpus } from "../support/fixture.ts";
import { tuned } from "../support/tuned.ts";

const folder = corpus();
const files = folder
  ? fs
      .readdirSync(path.join(folder, "models"))
      // NCHWc blocks are for one processor alone, and refused.
      .filter((file) => file.endsWith(".onnx") && !/resnet_ortall/.test(file))
  : [];

describe.skipIf(!folder)("the corpus with random trained weights", { timeout: 60_000 }, () => {
  for (const variant of ["rw", "rw+lr"] as const)
    it.each(files)(`${variant}: %s folds, and the result is proved`, async (file) => {
      const model = await openModel(path.join(folder!, "models", file));
      const laurel = await laurelize(model, { ort, variant, rank: 4 }).catch((error: unknown) => {
        if (error instanceof NoSiteError) return null;
        throw error;
      });
      if (!laurel) return;
      const { folded, proof } = await foldProved(tuned(laurel.model, 3), { ort });
      expect(proof.function.outcome).toBe("passed");
      expect(proof.float64.outcome).not.toBe("failed");
      expect(folded.sites).toHaveLength(laurel.plan.sites.length);
    });
});
