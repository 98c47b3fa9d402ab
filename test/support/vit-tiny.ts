import { float, gemm, int, ints, type TorchExport, torchExport } from "./torch-export.ts";

const [WIDTH, HEADS, BLOCKS, PATCH] = [192, 3, 12, 16];

/**
 * timm's vit_tiny_patch16_224 with seeded weights, as torch.onnx.export writes it in eval mode
 * for a batch of a fixed size: linear layers as MatMul and Add of the bias, GELU by Erf.
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py
 */
export function vitTiny(side = 224, batch = 1): Uint8Array {
  const to = torchExport(1900);
  const patches = (side / PATCH) ** 2;
  const tokens = patches + 1;

  const attributes = [
    ...[ints("dilations", 1, 1), int("group", 1), ints("kernel_shape", PATCH, PATCH)],
    ...[ints("pads", 0, 0, 0, 0), ints("strides", PATCH, PATCH)],
  ];
  const filters = [
    to.weight("patch_embed.proj.weight", [WIDTH, 3, PATCH, PATCH], 0.06),
    to.weight("patch_embed.proj.bias", [WIDTH], 0.1),
  ];
  let x = to.node("/patch_embed/proj/Conv", ["input", ...filters], attributes);
  x = to.node("/patch_embed/Reshape", [
    x,
    to.integers("/patch_embed/Constant", [batch, WIDTH, patches]),
  ]);
  x = to.node("/patch_embed/Transpose", [x], [ints("perm", 0, 2, 1)]);
  let token = to.weight("cls_token", [1, 1, WIDTH], 0.5);
  if (batch > 1)
    token = to.node("/Expand", [token, to.integers("/Expand_shape", [batch, 1, WIDTH])]);
  x = to.node("/Concat", [token, x], [int("axis", 1)]);
  x = to.node("/Add", [x, to.weight("pos_embed", [1, tokens, WIDTH], 0.5)]);
  for (let k = 0; k < BLOCKS; k++) {
    const path = `/blocks/blocks.${k}`;
    const attended = attention(to, `${path}/attn`, norm(to, `${path}/norm1`, x), [batch, tokens]);
    x = to.node(`${path}/Add`, [x, attended]);
    const hidden = linear(to, `${path}/mlp/fc1`, norm(to, `${path}/norm2`, x), WIDTH, 4 * WIDTH);
    const active = gelu(to, `${path}/mlp/act`, hidden);
    const mixed = linear(to, `${path}/mlp/fc2`, active, 4 * WIDTH, WIDTH);
    x = to.node(`${path}/Add_1`, [x, mixed]);
  }
  x = norm(to, "/norm", x);
  const first = to.node("/Gather", [x, to.integers("/Constant", [0])], [int("axis", 1)]);
  x = to.node("/Squeeze", [first, to.integers("/Constant_1", [1])]);
  return to.model(gemm(to, "/head", x, WIDTH, 1000), [batch, 3, side, side], [batch, 1000]);
}

const moduleOf = (path: string) =>
  path.slice(1).replace("blocks/blocks.", "blocks.").replaceAll("/", ".");

function norm(to: TorchExport, path: string, x: string): string {
  const scale = to.values(`${moduleOf(path)}.weight`, [WIDTH], new Float32Array(WIDTH).fill(1));
  const bias = to.weight(`${moduleOf(path)}.bias`, [WIDTH], 0.1);
  const attributes = [int("axis", -1), float("epsilon", 1e-6)];
  return to.node(`${path}/LayerNormalization`, [x, scale, bias], attributes);
}

function linear(to: TorchExport, path: string, x: string, from: number, width: number): string {
  const w = to.weight(to.numbered("MatMul"), [from, width], Math.sqrt(3 / from));
  const product = to.node(`${path}/MatMul`, [x, w]);
  return to.node(`${path}/Add`, [to.weight(`${moduleOf(path)}.bias`, [width], 0.1), product]);
}

function attention(to: TorchExport, path: string, x: string, rows: readonly number[]): string {
  const size = WIDTH / HEADS;
  const shape = to.integers(`${path}/Constant`, [...rows, 3, HEADS, size]);
  const heads = to.node(`${path}/Reshape`, [linear(to, `${path}/qkv`, x, WIDTH, 3 * WIDTH), shape]);
  const three = to.node(`${path}/Transpose`, [heads], [ints("perm", 2, 0, 3, 1, 4)]);
  const index = ["", "_1", "_2"].map((n, k) => {
    const at = to.node(
      `${path}/Gather${n}`,
      [three, to.integers(`${path}/Constant_index${n}`, [k])],
      [int("axis", 0)],
    );
    return to.node(`${path}/Squeeze${n}`, [at, to.integers(`${path}/Constant_axis${n}`, [0])]);
  });
  const [q, k, v] = index;
  const scaled = to.node(`${path}/Mul`, [q, to.scalar(`${path}/Constant_scale`, size ** -0.5)]);
  const turned = to.node(`${path}/Transpose_1`, [k], [ints("perm", 0, 1, 3, 2)]);
  const scores = to.node(
    `${path}/Softmax`,
    [to.node(`${path}/MatMul`, [scaled, turned])],
    [int("axis", -1)],
  );
  const mixed = to.node(`${path}/MatMul_1`, [scores, v]);
  const together = to.node(`${path}/Transpose_2`, [mixed], [ints("perm", 0, 2, 1, 3)]);
  const flat = to.integers(`${path}/Constant_shape`, [...rows, WIDTH]);
  return linear(to, `${path}/proj`, to.node(`${path}/Reshape_1`, [together, flat]), WIDTH, WIDTH);
}

function gelu(to: TorchExport, path: string, x: string): string {
  const divided = to.node(`${path}/Div`, [x, to.scalar(`${path}/Constant`, Math.SQRT2)]);
  const erf = to.node(`${path}/Erf`, [divided]);
  const one = to.node(`${path}/Add`, [erf, to.scalar(`${path}/Constant_1`, 1)]);
  const product = to.node(`${path}/Mul`, [x, one]);
  return to.node(`${path}/Mul_1`, [product, to.scalar(`${path}/Constant_2`, 0.5)]);
}
