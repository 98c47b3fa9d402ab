import { at, type Sample, single, unary } from "./sample.ts";

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
  unary("y = Compress(x, c)", [3, 2], { given: "bool[4] c = {1, 0, 1, 1}" }),
];
