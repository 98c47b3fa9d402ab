import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";
import { type Judgement, judged, judgePython, type Request } from "./support/judge.ts";
import { corpusModels, fixtures, forms, results, streams } from "./support/results.ts";

const python = judgePython();

describe.skipIf(!python)(
  "onnx's checker and onnxruntime for Python accept",
  { timeout: 600_000 },
  () => {
    const folder = temporaryFolder();
    /** Every original in a form of its own, so that each form comes up. */
    const inTurn = async (originals: ReturnType<typeof fixtures>): Promise<Request[]> => {
      const requests: Request[] = [];
      for (const [k, original] of originals.entries())
        requests.push(...(await results(folder, original, [forms[(k * 5) % forms.length]])));
      return requests;
    };
    const accepted = async (requests: readonly Request[]): Promise<Judgement> => {
      const judgement = await judged(python!, requests);
      expect(judgement.faults).toEqual([]);
      return judgement;
    };

    it("results of every layout at opsets 7 to 26", async () => {
      const originals = streams(["float"]);
      const { sound, compared } = await accepted(await inTurn(originals));
      expect(sound).toBe(originals.length);
      expect(compared).toBe(originals.length);
    });

    it("results of the fixtures", async () => {
      const { compared } = await accepted(await inTurn(fixtures()));
      expect(compared).toBeGreaterThan(100);
    });

    it("results of real exporters' models", async (context) => {
      const models = corpusModels().filter(([name]) => !name.endsWith("_external"));
      if (models.length === 0) return context.skip();
      const { compared } = await accepted(await inTurn(models));
      expect(compared).toBeGreaterThan(25);
    });

    it("and what they refuse is seen", async () => {
      const [request] = await inTurn(streams(["float"]).slice(0, 1));
      const bytes = fs.readFileSync(request.model);
      const at = bytes.indexOf("Tanh");
      bytes.write("Tank", at);
      const spoilt = path.join(folder, "spoilt.onnx");
      fs.writeFileSync(spoilt, bytes);
      const { faults } = await judged(python!, [{ ...request, model: spoilt }]);
      expect(faults.join()).toMatch(/spoilt.onnx, checker: .*Tank/);
    });
  },
);
