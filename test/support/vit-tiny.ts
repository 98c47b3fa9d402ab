import { float, gemm, int, ints, type TorchExport, torchExport } from "./torch-export.ts";

const PATCH = 16;

interface VitSizes {
  readonly width: number;
  readonly heads: number;
  readonly blocks: number;
}

/** timm's vit_tiny_patch16_224. */
export const vitTiny = (side = 224, batch = 1): Uint8Array =>
  vit({ width: 192, heads: 3, blocks: 12 }, side, batch);

/** timm's vit_base_patch16_224. */
export const vitBase = (side = 224, batch = 1): Uint8Array =>
  vit({ width: 768, heads: 12, blocks: 12 }, side, batch);

/**
 * A vision transformer with seeded weights, as torch.onnx.export writes it in eval mode
 * for a batch of a fixed size: linear layers as MatMul and Add of the bias, GELU by Erf.
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py
 */
function vit(sizes: VitSizes, side: number, batch: number): Uint8Array {
  const { width, blocks } = sizes;
  const to = torchExport(1900);
  const patches = (side / PATCH) ** 2;
  const tokens = patches + 1;

  const attributes = [
    ...[ints("dilations", 1, 1), int("group", 1), ints("kernel_shape", PATCH, PATCH)],
    ...[ints("pads", 0, 0, 0, 0), ints("strides", PATCH, PATCH)],
  ];
  const filters = [
    to.weight("patch_embed.proj.weight", [width, 3, PATCH, PATCH], 0.06),
    to.weight("patch_embed.proj.bias", [width], 0.1),
  ];
  let x = to.node("/patch_embed/proj/Conv", ["input", ...filters], attributes);
  x = to.node("/patch_embed/Reshape", [
    x,
    to.integers("/patch_embed/Constant", [batch, width, patches]),
  ]);
  x = to.node("/patch_embed/Transpose", [x], [ints("perm", 0, 2, 1)]);
  let token = to.weight("cls_token", [1, 1, width], 0.5);
  if (batch > 1)
    token = to.node("/Expand", [token, to.integers("/Expand_shape", [batch, 1, width])]);
  x = to.node("/Concat", [token, x], [int("axis", 1)]);
  x = to.node("/Add", [x, to.weight("pos_embed", [1, tokens, width], 0.5)]);
  for (let k = 0; k < blocks; k++) {
    const path = `/blocks/blocks.${k}`;
    const attended = attention(to, `${path}/attn`, norm(to, `${path}/norm1`, x, width), {
      rows: [batch, tokens],
      sizes,
    });
    x = to.node(`${path}/Add`, [x, attended]);
    const hidden = linear(
      to,
      `${path}/mlp/fc1`,
      norm(to, `${path}/norm2`, x, width),
      width,
      4 * width,
    );
    const active = gelu(to, `${path}/mlp/act`, hidden);
    const mixed = linear(to, `${path}/mlp/fc2`, active, 4 * width, width);
    x = to.node(`${path}/Add_1`, [x, mixed]);
  }
  x = norm(to, "/norm", x, width);
  const first = to.node("/Gather", [x, to.integers("/Constant", [0])], [int("axis", 1)]);
  x = to.node("/Squeeze", [first, to.integers("/Constant_1", [1])]);
  return to.model(gemm(to, "/head", x, width, 1000), [batch, 3, side, side], [batch, 1000]);
}

const moduleOf = (path: string) =>
  path.slice(1).replace("blocks/blocks.", "blocks.").replaceAll("/", ".");

function norm(to: TorchExport, path: string, x: string, width: number): string {
  const scale = to.values(`${moduleOf(path)}.weight`, [width], new Float32Array(width).fill(1));
  const bias = to.weight(`${moduleOf(path)}.bias`, [width], 0.1);
  const attributes = [int("axis", -1), float("epsilon", 1e-6)];
  return to.node(`${path}/LayerNormalization`, [x, scale, bias], attributes);
}

function linear(to: TorchExport, path: string, x: string, from: number, width: number): string {
  const w = to.weight(to.numbered("MatMul"), [from, width], Math.sqrt(3 / from));
  const product = to.node(`${path}/MatMul`, [x, w]);
  return to.node(`${path}/Add`, [to.weight(`${moduleOf(path)}.bias`, [width], 0.1), product]);
}

function attention(
  to: TorchExport,
  path: string,
  x: string,
  { rows, sizes }: { readonly rows: readonly number[]; readonly sizes: VitSizes },
): string {
  const { width, heads: count } = sizes;
  const size = width / count;
  const shape = to.integers(`${path}/Constant`, [...rows, 3, count, size]);
  const heads = to.node(`${path}/Reshape`, [linear(to, `${path}/qkv`, x, width, 3 * width), shape]);
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
  const flat = to.integers(`${path}/Constant_shape`, [...rows, width]);
  return linear(to, `${path}/proj`, to.node(`${path}/Reshape_1`, [together, flat]), width, width);
}

function gelu(to: TorchExport, path: string, x: string): string {
  const divided = to.node(`${path}/Div`, [x, to.scalar(`${path}/Constant`, Math.SQRT2)]);
  const erf = to.node(`${path}/Erf`, [divided]);
  const one = to.node(`${path}/Add`, [erf, to.scalar(`${path}/Constant_1`, 1)]);
  const product = to.node(`${path}/Mul`, [x, one]);
  return to.node(`${path}/Mul_1`, [product, to.scalar(`${path}/Constant_2`, 0.5)]);
}
