import fs from "node:fs";
import path from "node:path";
import onnxProto from "onnx-proto";
import { uniform } from "../../src/graph/random.ts";

const { onnx } = onnxProto;

/** A language model's sizes. */
interface DecoderSizes {
  readonly layers: number;
  readonly width: number;
  readonly inner: number;
  readonly heads: number;
  readonly vocabulary: number;
}

/** OpenLLaMA-3B's sizes: 26 layers, 3.4 billion weights. */
export const THREE_B: DecoderSizes = {
  ...{ layers: 26, width: 3200, inner: 8640, heads: 32, vocabulary: 32_000 },
};

/** The same number of layers, a twentieth of the weights. */
export const TWENTIETH: DecoderSizes = {
  ...{ layers: 26, width: 704, inner: 1920, heads: 22, vocabulary: 8000 },
};

const [BLOCK, LENGTH] = [32, 2048];
const [FLOAT, UINT8, INT64, HALF] = [1, 2, 7, 10];
const BYTES: Readonly<Record<number, number>> = { [FLOAT]: 4, [UINT8]: 1, [INT64]: 8, [HALF]: 2 };

/**
 * Writes a decoder as onnxruntime's model builder does, linear layers in int4 (MatMulNBits), with
 * its weights in a data file: seeded, or all zero and sparse, so that they take no room. Returns
 * the number of weights.
 * @see https://github.com/microsoft/onnxruntime-genai
 */
export function writeDecoder(file: string, sizes: DecoderSizes, filled: boolean): number {
  const { layers, width, inner, heads, vocabulary } = sizes;
  const data = new DataFile(file, filled);
  const node: object[] = [];
  const put = (opType: string, name: string, input: string[], more: object = {}) => {
    node.push({ opType, name, input, output: [`${name}/output_0`], ...more });
    return `${name}/output_0`;
  };
  let weights = vocabulary * width;
  const linear = (name: string, x: string, k: number, n: number) => {
    const blocks = k / BLOCK;
    weights += k * n;
    return put(
      "MatMulNBits",
      `${name}/MatMul_Q4`,
      [
        x,
        data.tensor(`${name}.weight_Q4`, UINT8, [n, blocks, BLOCK / 2]),
        data.tensor(`${name}.weight_scales`, FLOAT, [n * blocks], 1 / Math.sqrt(64 * k)),
      ],
      { domain: "com.microsoft", attribute: ints({ K: k, N: n, bits: 4, block_size: BLOCK }) },
    );
  };
  const norm = (name: string, x: string) => {
    const scale = data.tensor(`${name}.weight`, FLOAT, [width], 1);
    const epsilon = { name: "epsilon", type: 1, f: 1e-6 };
    return put("SimplifiedLayerNormalization", `${name}/LayerNorm`, [x, scale], {
      attribute: [epsilon, ...ints({ axis: -1, stash_type: 1 })],
    });
  };
  const rotate = (name: string, x: string) =>
    put("RotaryEmbedding", name, [x, "position", "cos_cache", "sin_cache"], {
      domain: "com.microsoft",
      attribute: ints({ num_heads: heads, rotary_embedding_dim: width / heads }),
    });
  data.tensor("position", INT64, [1], 0);
  for (const name of ["cos_cache", "sin_cache"])
    data.tensor(name, FLOAT, [LENGTH, width / heads / 2], 1);
  const table = data.tensor("model.embed_tokens.weight", HALF, [vocabulary, width]);
  const rows = put("Gather", "/model/embed_tokens/Gather", [table, "input_ids"]);
  let x = put("Cast", "/model/embed_tokens/Cast", [rows], { attribute: ints({ to: FLOAT }) });
  for (let k = 0; k < layers; k++) {
    const at = (name: string) => `/model/layers.${k}/${name}`;
    const normed = norm(at("input_layernorm"), x);
    const [q, key, value] = ["q", "k", "v"].map((each) =>
      linear(at(`attn/${each}_proj`), normed, width, width),
    );
    const rotated = [rotate(at("attn/q_rotary"), q), rotate(at("attn/k_rotary"), key)];
    const attended = put("MultiHeadAttention", at("attn/MultiHeadAttention"), [...rotated, value], {
      domain: "com.microsoft",
      attribute: ints({ num_heads: heads, unidirectional: 1 }),
    });
    x = put("Add", at("Add"), [x, linear(at("attn/o_proj"), attended, width, width)]);
    const before = norm(at("post_attention_layernorm"), x);
    const [gate, up] = ["gate", "up"].map((each) =>
      linear(at(`mlp/${each}_proj`), before, width, inner),
    );
    const sigmoid = put("Sigmoid", at("mlp/act_fn/Sigmoid"), [gate]);
    const active = put("Mul", at("mlp/act_fn/Mul"), [gate, sigmoid]);
    const gated = put("Mul", at("mlp/Mul"), [active, up]);
    x = put("Add", at("Add_1"), [x, linear(at("mlp/down_proj"), gated, inner, width)]);
  }
  const logits = linear("/lm_head", norm("/model/norm", x), width, vocabulary);
  node.push({ opType: "Identity", name: "/logits", input: [logits], output: ["logits"] });
  const graph = {
    name: "decoder",
    node,
    initializer: data.tensors,
    input: [port("input_ids", INT64, "batch_size", "sequence_length")],
    output: [port("logits", FLOAT, "batch_size", "sequence_length", vocabulary)],
  };
  const opsetImport = [
    { domain: "", version: 17 },
    { domain: "com.microsoft", version: 1 },
  ];
  const model = onnx.ModelProto.fromObject({ irVersion: 8, opsetImport, graph });
  fs.writeFileSync(file, onnx.ModelProto.encode(model).finish());
  data.close();
  return weights;
}

const ints = (values: Readonly<Record<string, number>>) =>
  Object.entries(values).map(([name, i]) => ({ name, type: 2, i }));

const port = (name: string, elemType: number, ...dims: (string | number)[]) => {
  const dim = dims.map((each) =>
    typeof each === "string" ? { dimParam: each } : { dimValue: each },
  );
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
};

/** Weights in a data file. */
class DataFile {
  readonly tensors: object[] = [];
  readonly #location: string;
  readonly #handle: number;
  readonly #filled: boolean;
  #end = 0;

  constructor(file: string, filled: boolean) {
    this.#location = `${path.basename(file)}.data`;
    this.#handle = fs.openSync(`${file}.data`, "w");
    this.#filled = filled;
  }

  /** Adds a tensor; all its numbers are `value`, or seeded without one. Small ones are in the model. */
  tensor(name: string, dataType: number, dims: number[], value?: number): string {
    const length = BYTES[dataType] * dims.reduce((a, b) => a * b, 1);
    if (length < 1024) {
      const rawData = valuesOf(name, dataType, length, value);
      this.tensors.push({ name, dims, dataType, rawData });
      return name;
    }
    const entries = { location: this.#location, offset: this.#end, length };
    const externalData = Object.entries(entries).map(([key, each]) => ({ key, value: `${each}` }));
    this.tensors.push({ name, dims, dataType, dataLocation: 1, externalData });
    if (this.#filled)
      fs.writeSync(this.#handle, valuesOf(name, dataType, length, value), 0, length, this.#end);
    this.#end += Math.ceil(length / 64) * 64;
    return name;
  }

  close(): void {
    fs.ftruncateSync(this.#handle, this.#end);
    fs.closeSync(this.#handle);
  }
}

/** Values of a tensor as bytes; seeded halves lie within ±2. */
function valuesOf(name: string, dataType: number, length: number, value?: number): Uint8Array {
  if (dataType === FLOAT)
    return new Uint8Array(new Float32Array(length / 4).fill(value ?? 0).buffer);
  const bytes = new Uint8Array(length);
  if (value !== undefined) return bytes;
  const next = uniform(1, name);
  for (let k = 0; k < length; k++) bytes[k] = 256 * next();
  if (dataType === HALF) for (let k = 1; k < length; k += 2) bytes[k] &= 0xbf;
  return bytes;
}
