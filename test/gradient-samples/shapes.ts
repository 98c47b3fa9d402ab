import type { shapes } from "../../passes/gradient/shapes.ts";
import { at, type Sample, type Samples, single, unary } from "./sample.ts";

const ints = (name: string, ...values: number[]) => `int64[${values.length}] ${name} = {${values}}`;
const slice = (x: number[], ...lists: number[][]): Sample => {
  const names = ["starts", "ends", "axes", "steps"].slice(0, lists.length);
  return unary(`y = Slice(x, ${names})`, x, {
    given: names.map((name, k) => ints(name, ...lists[k])).join(", "),
  });
};
const pad = (mode: string, x: number[], pads: number[], opset = 18): Sample =>
  unary(`y = Pad <mode = "${mode}"> (x, pads)`, x, { given: ints("pads", ...pads), opset });

/** Samples of operators that move elements. */
export const shapeSamples: Samples<typeof shapes> = {
  CenterCropPad: [
    ...[
      [2, 3],
      [5, 8],
      [7, 2],
    ].map((sizes) =>
      unary("y = CenterCropPad(x, sizes)", [4, 5], { given: ints("sizes", ...sizes) }),
    ),
    unary("y = CenterCropPad <axes = [-1]> (x, sizes)", [4, 5], { given: ints("sizes", 8) }),
  ],
  Concat: [
    { text: "y = Concat <axis = 1> (a, b, c)", inputs: { a: [2, 3], b: [2, 1], c: [2, 2] } },
    { text: "y = Concat <axis = -2> (a, b)", inputs: { a: [2, 3, 2], b: [2, 1, 2] }, opset: 11 },
    { text: "y = Concat <axis = 0> (a, a)", inputs: { a: [2, 3] }, opset: 7 },
  ],
  DepthToSpace: [
    ...at([7, 13], single(unary("y = DepthToSpace <blocksize = 2> (x)", [2, 8, 2, 3]))),
    single(unary(`y = DepthToSpace <blocksize = 2, mode = "CRD"> (x)`, [2, 8, 2, 3])),
    single(
      unary(`y = DepthToSpace <blocksize = 3, mode = "CRD"> (x)`, [1, 9, 2, 1], { opset: 11 }),
    ),
  ],
  Flatten: [
    unary("y = Flatten(x)", [2, 3, 4]),
    unary("y = Flatten <axis = -1> (x)", [2, 3, 4], { opset: 11 }),
  ],
  Pad: [
    unary("y = Pad <pads = [1, 0, 0, 2]> (x)", [3, 4], { opset: 7 }),
    unary(`y = Pad <pads = [1, 2, 0, 2], mode = "reflect"> (x)`, [3, 4], { opset: 10 }),
    pad("constant", [3, 4], [1, 0, 2, 1], 11),
    pad("constant", [3, 4], [-1, 2, 0, -1]),
    pad("reflect", [3, 4], [2, 0, 1, 3], 13),
    pad("edge", [2, 3, 4], [0, 2, 1, 0, 1, 3]),
    pad("wrap", [3, 4], [2, 1, 0, 3], 19),
    unary("y = Pad(x, pads, value, axes)", [3, 4], {
      given: `${ints("pads", 1, 2)}, double value = {0.5}, ${ints("axes", -1)}`,
    }),
    pad("constant", [3, 4], [0, 0, 0, 0]),
    pad("wrap", [4, 5], [-1, 2, 3, -1], 19),
    pad("edge", [4, 5], [-1, 2, 3, -1]),
    ...[
      [1, 0, 0, 2],
      [1, -1, 0, 2],
    ].map(
      (pads): Sample => ({
        text: "y = Pad(x, pads, value)",
        inputs: { x: [3, 4], value: [] },
        given: ints("pads", ...pads),
      }),
    ),
  ],
  Reshape: [
    ...at([7, 14], unary("y = Reshape(x, shape)", [2, 3, 4], { given: ints("shape", 0, -1) })),
    unary(
      "s = Shape(x) one = Gather <axis = 0> (s, k) a = Unsqueeze(one, zero) t = Concat <axis = 0> (a, m) y = Reshape(x, t)",
      [2, 3, 4],
      {
        given: `int64 k = {1}, ${ints("zero", 0)}, ${ints("m", -1)}`,
      },
    ),
  ],
  Slice: [
    unary("y = Slice <starts = [1, -3], ends = [3, -1], axes = [0, 1]> (x)", [4, 5], { opset: 7 }),
    unary("y = Slice <starts = [1], ends = [1000]> (x)", [4, 5], { opset: 9 }),
    { ...slice([4, 5], [1, 0], [3, 4]), opset: 10 },
    slice([4, 5], [-2], [2147483647], [-1]),
    slice([7, 5], [1, 4], [7, 0], [0, 1], [2, -1]),
    slice([7, 5], [-1], [-1000], [0], [-3]),
    slice([8, 5], [0], [6], [0], [4]),
    slice([3, 5], [-1000], [1000], [1], [1]),
  ],
  SpaceToDepth: at([7, 13], single(unary("y = SpaceToDepth <blocksize = 2> (x)", [2, 2, 4, 6]))),
  Split: [
    unary("y, z = Split <axis = 1> (x)", [2, 6], { opset: 7, of: ["y", "z"] }),
    unary("y, z = Split <axis = 1, split = [2, 4]> (x)", [2, 6], { opset: 11, of: ["z"] }),
    unary("y, z, w = Split <axis = -1> (x, sizes)", [2, 6], {
      opset: 13,
      given: ints("sizes", 1, 3, 2),
      of: ["y", "w"],
    }),
    unary("y, z, w = Split <axis = 1, num_outputs = 3> (x)", [2, 8], { of: ["z"] }),
  ],
  Squeeze: [
    unary("y = Squeeze(x)", [1, 3, 1], { opset: 7 }),
    unary("y = Squeeze <axes = [0]> (x)", [1, 3, 1], { opset: 11 }),
    unary("y = Squeeze(x, axes)", [1, 3, 1], { given: ints("axes", -1) }),
  ],
  Tile: at([7, 13], unary("y = Tile(x, repeats)", [2, 1, 3], { given: ints("repeats", 1, 4, 2) })),
  Transpose: [
    unary("y = Transpose(x)", [2, 3, 4]),
    unary("y = Transpose <perm = [1, 2, 0]> (x)", [2, 3, 4], { opset: 7 }),
  ],
  Trilu: [
    unary("y = Trilu(x)", [3, 4]),
    unary("y = Trilu <upper = 0> (x, k)", [2, 3, 3], { given: "int64 k = {-1}", opset: 14 }),
  ],
  "com.microsoft.Trilu": [
    unary("y = com.microsoft.Trilu(x)", [3, 4], { opset: 13 }),
    unary("y = com.microsoft.Trilu <upper = 0> (x, k)", [2, 3, 3], { given: "int64 k = {-1}" }),
  ],
  Unsqueeze: [
    unary("y = Unsqueeze <axes = [0, 2]> (x)", [3, 4], { opset: 7 }),
    unary("y = Unsqueeze(x, axes)", [3, 4], { given: ints("axes", -1) }),
  ],
};
