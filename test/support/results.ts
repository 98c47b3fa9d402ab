import fs from "node:fs";
import path from "node:path";
import { laurelize, NoSiteError, openModel, variantNames } from "laurelize";
import ort from "onnxruntime-node";
import { corpus, fixture, fixtureNames } from "./fixture.ts";
import type { Request } from "./judge.ts";
import { modelOfText } from "./onnx-text.ts";

/** One way to laurelize a model. */
export interface Form {
  readonly variant: string;
  readonly normalize: "softmax" | "sigmoid" | "none";
  readonly perChannel: boolean;
  readonly shareLags: boolean;
}

/** Every form in which a variant is written. */
export const forms: readonly Form[] = variantNames.flatMap((variant) =>
  (["softmax", "sigmoid", "none"] as const).flatMap((normalize) =>
    [false, true].flatMap((perChannel) =>
      [false, true].flatMap((shareLags) => {
        const weighs = variant.includes("rw") || (normalize === "softmax" && !perChannel);
        const shares = variant.endsWith("lr+pa") || !shareLags;
        return weighs && shares ? [{ variant, normalize, perChannel, shareLags }] : [];
      }),
    ),
  ),
);

/** A model to laurelize: its name, and where it is or its bytes. */
export type Original = readonly [name: string, from: string | Uint8Array];

/** The models of the fixtures. */
export const fixtures = (): Original[] =>
  fixtureNames().map((name) => [name, fixture(name)] as const);

/** Real exporters' models; none if there is no corpus. */
export function corpusModels(): Original[] {
  const folder = corpus();
  if (!folder) return [];
  const models = path.join(folder, "models");
  return fs
    .readdirSync(models)
    .filter((name) => name.endsWith(".onnx"))
    .map((name) => [name.slice(0, -5), path.join(models, name)] as const);
}

/** Opsets from 7 to 26, with the IR version that came with each, and some older and newer ones. */
const VERSIONS: readonly (readonly [ir: number, opset: number])[] = [
  ...([
    [3, 7],
    [3, 8],
    [4, 9],
    [5, 10],
    [6, 11],
    [7, 12],
    [7, 13],
    [7, 14],
    [8, 15],
  ] as const),
  ...([
    [8, 16],
    [8, 17],
    [8, 18],
    [9, 19],
    [9, 20],
    [10, 21],
    [10, 22],
    [11, 23],
  ] as const),
  ...([
    [11, 24],
    [12, 25],
    [13, 26],
    [4, 7],
    [8, 8],
    [13, 7],
    [3, 13],
  ] as const),
];

const TURN = "Transpose<perm = [0, 1, 3, 2]>";
const LAYOUTS: Readonly<Record<string, (t: string) => readonly [string, string, string, string]>> =
  {
    rows: (t) => [
      `${t}[N, 8] x`,
      `${t}[N, 8] z`,
      `${t}[8, 8] w, ${t}[8, 8] v`,
      "m = MatMul(x, w) f = Tanh(m) y = Add(f, x) m2 = MatMul(y, v) f2 = Tanh(m2) y2 = Add(y, f2) z = MatMul(y2, v)",
    ],
    tokens: (t) => [
      `${t}[2, L, 8] x`,
      `${t}[2, L, 8] z`,
      `${t}[8, 8] w, ${t}[8, 8] v`,
      "m = MatMul(x, w) f = Tanh(m) y = Add(f, x) m2 = MatMul(y, v) f2 = Tanh(m2) y2 = Add(y, f2) z = MatMul(y2, v)",
    ],
    images: (t) => [
      `${t}[N, 8, 5, 5] x`,
      `${t}[N, 8, 5, 5] z`,
      `${t}[8, 8, 3, 3] w, ${t}[8, 8, 1, 1] v`,
      "m = Conv<pads = [1, 1, 1, 1]>(x, w) f = Relu(m) y = Add(x, f) m2 = Conv(y, v) f2 = Relu(m2) y2 = Add(y, f2) z = Conv(y2, v)",
    ],
    sequences: (t) => [
      `${t}[N, 8, 6] x`,
      `${t}[N, 8, 6] z`,
      `${t}[8, 8, 1] w, ${t}[8, 8, 1] v`,
      "m = Conv(x, w) f = Relu(m) y = Add(x, f) m2 = Conv(y, v) f2 = Relu(m2) y2 = Add(y, f2) z = Conv(y2, v)",
    ],
    between: (t) => [
      `${t}[2, 3, 8, 5] x`,
      `${t}[2, 3, 5, 8] z`,
      `${t}[8, 8] w, ${t}[8, 8] v`,
      `t = ${TURN}(x) m = MatMul(t, w) u = ${TURN}(m) f = Tanh(u) y = Add(x, f) s = ${TURN}(y) z = MatMul(s, v)`,
    ],
    branches: (t) => [
      `${t}[2, 8] x, bool c`,
      `${t}[2, 8] z`,
      `${t}[8, 8] w, ${t}[8, 8] v`,
      `z = If <then_branch = yes () => (${t}[2, 8] a) { m = MatMul(x, w) f = Tanh(m) a = Add(f, x) }, else_branch = no () => (${t}[2, 8] b) { n = MatMul(x, v) g = Tanh(n) b = Add(x, g) }> (c)`,
    ],
  };

/** Residual streams of every layout at every opset, in these element types. */
export const streams = (dtypes: readonly string[]): Original[] =>
  VERSIONS.flatMap(([ir, opset]) =>
    Object.entries(LAYOUTS).flatMap(([layout, write]) =>
      dtypes.flatMap((dtype) => {
        const convolves = layout === "images" || layout === "sequences";
        if (dtype === "double" && convolves) return [];
        const [inputs, outputs, weights, body] = write(dtype);
        const given = ir < 4 ? `${inputs}, ${weights}` : inputs;
        const text = `<ir_version: ${ir}, opset_import: ["" : ${opset}]> g (${given}) => (${outputs}) <${weights}> { ${body} }`;
        return [[`${layout}-${dtype}-ir${ir}-opset${opset}`, modelOfText(text)] as const];
      }),
    ),
  );

/** Writes a model into a folder, if it is not a file already. */
export function placed(folder: string, [name, from]: Original): string {
  if (typeof from === "string") return from;
  const file = path.join(folder, `${name}.onnx`);
  fs.writeFileSync(file, from);
  return file;
}

/** Laurelizes a model in these forms into a folder; what is then to be judged. */
export async function results(
  folder: string,
  original: Original,
  wanted: readonly Form[],
): Promise<Request[]> {
  const like = placed(folder, original);
  const model = await openModel(like);
  const requests: Request[] = [];
  for (const { variant, ...rest } of wanted)
    try {
      const also = ["se", "merge", "constant"] as const;
      const options = { ort, variant: variant as "rw", ...rest, rank: 4, also, again: true };
      const made = await laurelize(model, options);
      const name = `${original[0]}--${variant}-${rest.normalize}${rest.perChannel ? "-channels" : ""}${rest.shareLags ? "-shared" : ""}.onnx`;
      const file = path.join(folder, name);
      fs.writeFileSync(file, made.model.toBytes());
      // What is opened first is rounded in another order.
      const run = made.lowered.undos.length === 0;
      requests.push({ model: file, like, run });
    } catch (error) {
      if (!(error instanceof NoSiteError)) throw error;
    }
  model.close();
  return requests;
}
