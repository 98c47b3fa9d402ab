import { float, int, ints, type TorchExport, torchExport } from "./torch-export.ts";

const [WIDTH, HEADS, LAYERS, WORDS] = [768, 12, 6, 8192];

/**
 * A GPT-2 of six layers with seeded weights, as torch.onnx.export writes it in eval mode for a batch
 * of a fixed size: linear layers as Gemm of rows, the tanh form of GELU written out, a causal mask.
 * It has 8192 words, so that its layers take most of the time.
 * @see https://github.com/huggingface/transformers/blob/main/src/transformers/models/gpt2/modeling_gpt2.py
 */
export function gpt2(length = 128, batch = 1): Uint8Array {
  const to = torchExport(700);
  const words = to.weight("transformer.wte.weight", [WORDS, WIDTH], 0.05);
  const embedded = to.node("/transformer/wte/Gather", [words, "input"]);
  const places = to.weight("transformer.wpe.weight", [1, length, WIDTH], 0.02);
  let x = to.node("/transformer/Add", [embedded, places]);
  const rows = [batch, length];
  const mask = Float32Array.from({ length: length ** 2 }, (_, k) =>
    k % length > Math.floor(k / length) ? -3.4e38 : 0,
  );
  to.values("mask", [1, 1, length, length], mask);
  for (let k = 0; k < LAYERS; k++) {
    const path = `/transformer/h.${k}`;
    const attended = attention(to, `${path}/attn`, norm(to, `${path}/ln_1`, x), rows);
    x = to.node(`${path}/Add`, [attended, x]);
    const wide = linear(
      to,
      `${path}/mlp/c_fc`,
      norm(to, `${path}/ln_2`, x),
      [WIDTH, 4 * WIDTH],
      rows,
    );
    const mixed = linear(
      to,
      `${path}/mlp/c_proj`,
      gelu(to, `${path}/mlp/act`, wide),
      [4 * WIDTH, WIDTH],
      rows,
    );
    x = to.node(`${path}/Add_1`, [x, mixed]);
  }
  const head = to.weight(to.numbered("MatMul"), [WIDTH, WORDS], 0.05);
  const scores = to.node("/lm_head/MatMul", [norm(to, "/transformer/ln_f", x), head]);
  return to.model(scores, rows, [...rows, WORDS], 7);
}

function norm(to: TorchExport, path: string, x: string): string {
  const name = path.slice(1).replaceAll("/", ".");
  const scale = to.values(`${name}.weight`, [WIDTH], new Float32Array(WIDTH).fill(1));
  const bias = to.weight(`${name}.bias`, [WIDTH], 0.1);
  const attributes = [int("axis", -1), float("epsilon", 1e-5)];
  return to.node(`${path}/LayerNormalization`, [x, scale, bias], attributes);
}

/** Rows of any number of positions by a matrix, as transformers' Conv1D writes them. */
function linear(
  to: TorchExport,
  path: string,
  x: string,
  [from, width]: readonly [number, number],
  rows: readonly number[],
): string {
  const name = path.slice(1).replaceAll("/", ".");
  const flat = to.node(`${path}/Reshape`, [x, to.integers(`${path}/Constant`, [-1, from])]);
  const weight = to.weight(`${name}.weight`, [from, width], Math.sqrt(1 / from));
  const bias = to.weight(`${name}.bias`, [width], 0.1);
  const product = to.node(`${path}/Gemm`, [flat, weight, bias]);
  return to.node(`${path}/Reshape_1`, [
    product,
    to.integers(`${path}/Constant_1`, [...rows, width]),
  ]);
}

function attention(to: TorchExport, path: string, x: string, rows: readonly number[]): string {
  const size = WIDTH / HEADS;
  const all = linear(to, `${path}/c_attn`, x, [WIDTH, 3 * WIDTH], rows);
  const [q, k, v] = [0, 1, 2].map((part) => {
    const [from, end, axis] = [part * WIDTH, (part + 1) * WIDTH, 2].map((value, j) =>
      to.integers(`${path}/Constant_${part}_${j}`, [value]),
    );
    const cut = to.node(`${path}/Slice_${part}`, [all, from, end, axis]);
    const shape = to.integers(`${path}/Constant_shape_${part}`, [...rows, HEADS, size]);
    const apart = to.node(`${path}/Reshape_${part}`, [cut, shape]);
    const perm = part === 1 ? ints("perm", 0, 2, 3, 1) : ints("perm", 0, 2, 1, 3);
    return to.node(`${path}/Transpose_${part}`, [apart], [perm]);
  });
  const product = to.node(`${path}/MatMul`, [q, k]);
  const scaled = to.node(`${path}/Div`, [
    product,
    to.scalar(`${path}/Constant_scale`, Math.sqrt(size)),
  ]);
  const masked = to.node(`${path}/Add`, [scaled, "mask"]);
  const scores = to.node(`${path}/Softmax`, [masked], [int("axis", -1)]);
  const mixed = to.node(`${path}/MatMul_1`, [scores, v]);
  const together = to.node(`${path}/Transpose_3`, [mixed], [ints("perm", 0, 2, 1, 3)]);
  const flat = to.integers(`${path}/Constant_flat`, [...rows, WIDTH]);
  const joined = to.node(`${path}/Reshape_3`, [together, flat]);
  return linear(to, `${path}/c_proj`, joined, [WIDTH, WIDTH], rows);
}

/** x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))). */
function gelu(to: TorchExport, path: string, x: string): string {
  const scalar = (k: number, value: number) => to.scalar(`${path}/Constant_${k}`, value);
  const half = to.node(`${path}/Mul`, [x, scalar(0, 0.5)]);
  const cube = to.node(`${path}/Pow`, [x, scalar(1, 3)]);
  const small = to.node(`${path}/Mul_1`, [cube, scalar(2, 0.044715)]);
  const sum = to.node(`${path}/Add`, [x, small]);
  const inner = to.node(`${path}/Mul_2`, [sum, scalar(3, Math.sqrt(2 / Math.PI))]);
  const more = to.node(`${path}/Add_1`, [to.node(`${path}/Tanh`, [inner]), scalar(4, 1)]);
  return to.node(`${path}/Mul_3`, [half, more]);
}
