import { at, type Sample, single, unary, within } from "./sample.ts";

/** h ← tanh(h w + x_t), and each h; x_t are the columns of x. */
const scanned = (attributes: string): Sample => ({
  text: `y, s = Scan <num_scan_inputs = 1, scan_input_axes = [1]${attributes}, body = b (double[2] h, double[2] t) => (double[2] n, double[2] o) { m = Mul(h, w) a = Add(m, t) n = Tanh(a) o = Mul(n, t) }> (h0, x)`,
  inputs: { x: [2, 4], w: [2], h0: [2] },
  of: ["y", "s"],
});

/** The sample, whose differences are those of its own operators: not of what they are lowered to. */
const own = (sample: Sample): Sample => ({ ...single(sample), standsFor: sample.text });

/** Crops of three boxes, one of which lies partly outside. */
const cropped = (attributes: string, boxes: "frozen" | "moved", opset = 11): Sample => {
  const values = "0.1125, 0.08, 0.6375, 0.68, 0.35, 0.92, 0.9, 0.32, -0.15, 0.5, 0.85, 1.1";
  const isFrozen = boxes === "frozen";
  return own({
    text: `r = ${isFrozen ? "Identity(k)" : "Add(k, m)"} y = com.microsoft.CropAndResize ${attributes} (x, r, b, size)`,
    inputs: { x: [2, 2, 5, 6], ...(isFrozen ? {} : { m: within(-0.01, 0.01, 3, 4) }) },
    given: `float[3, 4] k = {${values}}, int32[3] b = {1, 0, 1}, int32[2] size = {3, ${isFrozen ? 1 : 4}}`,
    opset,
  });
};

/** Samples of what is written in plainer operators before it is differentiated. */
export const openedSamples: readonly Sample[] = [
  ...["", "m = Reshape(c, one)"].flatMap((shaped) =>
    ["Less", "Greater"].map(
      (op): Sample => ({
        text: `r = ReduceSum <keepdims = 0> (x) c = ${op}(r, high) ${shaped} y, z = If <then_branch = t () => (double[?] a, double p) { a = Mul(x, w) p = ReduceMax <keepdims = 0> (a) }, else_branch = e () => (double[?] b, double q) { b = Exp(x) q = ReduceSum <keepdims = 0> (b) }> (${shaped ? "m" : "c"})`,
        inputs: { x: [3], w: [3] },
        given: "double high = {100.0}, int64[1] one = {1}",
        of: ["y", "z"],
      }),
    ),
  ),
  // The branch that is not taken divides by 0.
  {
    text: "s = Sub(x, x) t = ReduceSum <keepdims = 0> (s) c = Greater(t, zero) y = If <then_branch = t () => (double[3] a) { d = Div(x, t) a = Log(d) }, else_branch = e () => (double[3] b) { b = Mul(x, w) }> (c)",
    inputs: { x: [3], w: [3] },
    given: "double zero = {0.0}",
  },
  ...at(
    [11, 13, 24],
    unary("l = SequenceConstruct(x, x) y = SequenceAt(l, i)", [3], { given: "int64 i = {-1}" }),
  ),
  ...at(
    [11, 13],
    unary("l = SplitToSequence <axis = -1> (x, k) a = SequenceAt(l, i) y = Mul(a, a)", [2, 5], {
      given: "int64 k = {3}, int64 i = {1}",
    }),
  ),
  unary("l = SplitToSequence(x, k) a = SequenceAt(l, i) y = Mul(a, a)", [4, 2], {
    given: "int64 k = {2}, int64 i = {1}",
  }),
  unary(
    "l = SplitToSequence <axis = 1> (x, k) a = SequenceAt(l, i) b = SequenceAt(l, j) y = Mul(a, b)",
    [2, 5],
    { given: "int64[3] k = {2, 1, 2}, int64 i = {0}, int64 j = {-1}" },
  ),
  unary(
    "l = SplitToSequence <axis = 1, keepdims = 0> (x) a = SequenceAt(l, i) y = Mul(a, a)",
    [2, 3],
    { given: "int64 i = {2}" },
  ),
  ...["", `<axis = 1, mode = "circular">`].map(
    (attributes): Sample => ({
      text: `s = TensorScatter ${attributes} (x, u, w) y = Mul(s, s)`,
      inputs: { x: [2, 4, 3], u: [2, 2, 3] },
      given: `int64[2] w = {${attributes ? "3, 1" : "2, 0"}}`,
      opset: 24,
    }),
  ),
  ...["", `<metric = "euclidean">`].map(
    (metric): Sample => ({
      text: `y = com.microsoft.CDist ${metric} (x, z)`,
      inputs: { x: [3, 2], z: [2, 2] },
    }),
  ),
  ...at(
    [16, 20],
    own({
      text: "y = com.microsoft.GridSample <align_corners = 1> (x, grid)",
      inputs: { x: [2, 2, 2, 4], grid: within(-1.7, 1.6, 2, 3, 2, 2) },
    }),
  ),
  unary("g = com.microsoft.GatherND(x, k) y = Mul(g, g)", [3, 3], {
    given: "int64[2, 1] k = {2, 2}",
  }),
  ...[
    "s = ImageScaler <bias = [0.5, -0.25], scale = 1.5> (x) y = Mul(s, s)",
    "c = Crop <border = [1, 0, 2, 1]> (x) y = Mul(c, c)",
    "c = Crop <border = [1, 1, 0, 0], scale = [2, 3]> (x) s = Scale <scale = 0.5> (c) y = Mul(s, s)",
    "a = Affine <alpha = 2.0, beta = 0.5> (x) y = ScaledTanh <alpha = 1.5, beta = 0.5> (a)",
    "y = ParametricSoftplus <alpha = 1.5, beta = 0.5> (x)",
  ].map((text) => own(unary(text, [2, 2, 4, 5], { opset: 7 }))),
  cropped("<extrapolation_value = 0.5>", "moved"),
  cropped(`<mode = "nearest">`, "frozen"),
  ...at(
    [7, 18],
    own(
      unary("y = MaxRoiPool <pooled_shape = [2, 3], spatial_scale = 0.5> (x, r)", [2, 2, 5, 6], {
        given:
          "float[3, 5] r = {1, 1.0, 2.0, 9.0, 7.0, 0, 3.0, -4.6, 30.0, 4.0, 1, 40.0, 2.0, 42.0, 3.0}",
      }),
    ),
  ),
  own(unary("y = com.microsoft.ExpandDims(x, k)", [2, 3], { given: "int32 k = {-2}" })),
  ...["", "<dim = -2, step = 2>"].map((attributes) =>
    own(
      unary(
        `y = com.microsoft.UnfoldTensor ${attributes.replace(">", ", size = 3>") || "<size = 3>"} (x)`,
        [2, 5, 4],
      ),
    ),
  ),
  ...at(
    [7, 13],
    own(
      unary(`y = com.microsoft.Pad <mode = "reflect"> (x, p)`, [3, 4], {
        given: "int64[1, 4] p = {1, 0, 2, 3}",
      }),
    ),
  ),
  own({
    text: "y = com.microsoft.Pad(x, p, v)",
    inputs: { x: [3, 4], v: [] },
    given: "int64[4] p = {1, 0, 2, 3}",
  }),
  own(
    unary("y = com.microsoft.Pad(x, p, v)", [3], {
      given: "int64[2] p = {1, 2}, float v = {2.0}",
      opset: 10,
    }),
  ),
  own({
    text: "y = com.microsoft.ConvTransposeWithDynamicPads <strides = [2, 1], group = 2, output_padding = [1, 0]> (x, w, p)",
    inputs: { x: [2, 4, 3, 4], w: [4, 2, 2, 3] },
    given: "int64[4] p = {1, 0, 0, 1}",
  }),
  // Rows of other lengths, where integers are not compared.
  single({
    text: "y = GRU <hidden_size = 2> (x, w, r, b, n)",
    inputs: { x: [3, 2, 2], w: [1, 6, 2], r: [1, 6, 2], b: [1, 12] },
    given: "int32[2] n = {3, 1}",
    opset: 7,
  }),
  unary(
    "a = Neg(x) l = SequenceConstruct(a, x) y = ConcatFromSequence <axis = -1, new_axis = 1> (l)",
  ),
  unary(
    "a = Exp(x) l = SequenceConstruct(a, x, a) m = SequenceErase(l, i) y = ConcatFromSequence <axis = 0> (m)",
    [3],
    { given: "int64 i = {-2}" },
  ),
  unary(
    "l = SequenceConstruct(x, x, x) n = SequenceLength(l) y = Loop <body = b (int64 i, bool c, double[3] v) => (bool more, double[3] u) { more = Identity(c) u = Mul(v, x) }> (n, yes, x)",
    [3],
    { given: "bool yes = {1}" },
  ),
  unary(
    "a = Exp(x) o = Optional(a) h = OptionalHasElement(o) y = If <then_branch = t () => (double[3] p) { p = OptionalGetElement(o) }, else_branch = e () => (double[3] q) { q = Neg(x) }> (h)",
    [3],
  ),
  // Before what is differentiated.
  unary(
    "l = SplitToSequence <axis = 1> (c, k) a = SequenceAt(l, i) b = Mul(a, x) y = Mul(b, b)",
    [2],
    {
      given: "double[2, 4] c = {1, 2, 3, 4, -1, -2, 5, 0.5}, int64 k = {2}, int64 i = {1}",
    },
  ),
  unary("l = SequenceConstruct(x, x) y = ConcatFromSequence <axis = 1, new_axis = 1> (l)", [3]),
  unary(
    "e = SequenceEmpty <dtype = 11> () l = SequenceInsert(e, x) z = Mul(x, x) m = SequenceInsert(l, z) y = ConcatFromSequence <axis = -1> (m)",
    [3],
  ),
  ...at(
    [9, 16],
    unary("y = Compress <axis = 1> (x, c)", [2, 3], { given: "bool[3] c = {1, 0, 1}" }),
  ),
  // More steps than a list of sizes may have elements to be inferred from.
  ...at(
    [14, 18],
    single({
      text: "y = RNN <hidden_size = 2> (x, w, r)",
      inputs: { x: [70, 1, 2], w: [1, 2, 2], r: [1, 2, 2] },
    }),
  ),
  ...at([11, 22], scanned("")),
  scanned(", scan_input_directions = [1], scan_output_directions = [1], scan_output_axes = [1]"),
  {
    text: `y, s = Loop <body = b (int64 i, bool c, double[3] v) => (bool more, double[3] u, double[3] u2) { more = Identity(c) m = Mul(v, w) f = Cast <to = 11> (i) a = Add(m, f) u = Tanh(a) u2 = Mul(u, half) }> (count, yes, x)`,
    inputs: { x: [3], w: [3] },
    given: "int64 count = {4}, bool yes = {1}, double half = {0.5}",
    of: ["y", "s"],
  },
  // Ends after two of at most six iterations, and its values stay.
  {
    text: 'y = Loop <body = b (int64 i, bool c, double[3] v) => (bool more, double[3] u) { m = Mul(v, w) u = Exp(m) n = ReduceSum <keepdims = 0> (v) k = Cast <to = 11> (i) more = Less(k, one) }> (count, "", x)',
    inputs: { x: [3], w: [3] },
    given: "int64 count = {6}, double one = {1.0}",
  },
  {
    text: "y = Loop <body = b (int64 i, bool c, double[3] v) => (bool more, double[3] u) { more = Identity(c) u = Loop <body = d (int64 j, bool e, double[3] p) => (bool on, double[3] q) { on = Identity(e) r = Mul(p, w) q = Sin(r) }> (two, c, v) }> (two, yes, x)",
    inputs: { x: [3], w: [3] },
    given: "int64 two = {2}, bool yes = {1}",
  },
  single({
    text: "y = DeformConv <kernel_shape = [3, 2], pads = [1, 0, 1, 1]> (x, w, o)",
    inputs: { x: [2, 2, 4, 5], w: [3, 2, 3, 2], o: within(0.1, 0.9, 2, 12, 4, 5) },
    opset: 22,
  }),
  single({
    text: "y = DeformConv <strides = [2, 1], dilations = [1, 2], group = 2, offset_group = 2> (x, w, o, b, m)",
    inputs: {
      x: [2, 4, 5, 6],
      w: [4, 2, 2, 2],
      o: within(-0.9, -0.1, 2, 16, 2, 4),
      b: [4],
      m: [2, 8, 2, 4],
    },
    opset: 19,
  }),
  unary("y = Compress(x, c)", [3, 2], { given: "bool[4] c = {1, 0, 1, 1}" }),
];
