import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";
import { type Judgement, judged, judgePython, type Request } from "./support/judge.ts";
import {
  corpusModels,
  fixtures,
  forms,
  type Original,
  results,
  streams,
} from "./support/results.ts";

const python = judgePython();

/** One of every few; 5 and 3 meet every layout, as there are 6 of them at each opset. */
const few = (all: readonly Original[], every: number) => all.filter((_, k) => k % every === 0);

describe.skipIf(!python)(
  "onnx's checker and onnxruntime for Python accept",
  { timeout: 600_000 },
  () => {
    const folder = temporaryFolder();
    /** Every original in a form of its own, so that each form comes up; nightly has all of all. */
    const inTurn = async (originals: readonly Original[]): Promise<Request[]> => {
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
      const originals = few(streams(["float"]), 5);
      const { sound, compared } = await accepted(await inTurn(originals));
      expect(sound).toBe(originals.length);
      expect(compared).toBe(originals.length);
    });

    it("results of the fixtures", async () => {
      const { compared } = await accepted(await inTurn(few(fixtures(), 3)));
      expect(compared).toBeGreaterThan(33);
    });

    it("results of real exporters' models", async (context) => {
      const models = few(
        corpusModels().filter(([name]) => !name.endsWith("_external")),
        3,
      );
      if (models.length === 0) return context.skip();
      const { compared } = await accepted(await inTurn(models));
      expect(compared).toBeGreaterThan(8);
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
