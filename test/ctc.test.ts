import { Tensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { lossOn } from "./support/loss-on.ts";
import { isNightly } from "./support/sweep.ts";

/**
 * Loss, its gradient g by the scores along cos(k), and |g|, of PyTorch 2.13 in float64:
 *
 *     z = lambda *d: torch.sin(1.7*torch.arange(torch.Size(d).numel())).mul(2).reshape(d).float().double().requires_grad_()
 *     def case(name, x, f):
 *         loss = f(x); g, = torch.autograd.grad(loss, x); g = g.flatten()
 *         d = torch.cos(torch.arange(g.numel()).double())
 *         print(name, loss.item(), (g*d).sum().item(), g.norm().item())
 *     y = torch.tensor([[1, 1, 2], [3, 4, 0], [2, 0, 0]]); n = torch.tensor([3, 2, 1]); full = torch.tensor([7]*3)
 *     ctc = lambda x, y, t, n, **o: F.ctc_loss(x.log_softmax(2).transpose(0, 1), y, t, n, **o)
 *     plain: ctc(z(3, 7, 5), y, full, n)       lengths: ctc(z(3, 7, 5), y, [7, 5, 3], n)
 *     last blank: ctc(z(3, 7, 5), torch.where(y == 0, 4, y - 1), full, n, blank=4)
 *     time first: F.ctc_loss(z(7, 3, 5).log_softmax(2), y, full, n)
 *     classes first: ctc(z(3, 5, 7).transpose(1, 2), y, full, n)
 *     infeasible: ctc(z(3, 7, 5), y, [3, 5, 3], n, zero_infinity=True)
 *     empty: ctc(z(3, 7, 5), y, full, [0, 2, 1])
 *     long: ctc(z(2, 80, 40), torch.randint(1, 40, (2, 25), generator=torch.Generator().manual_seed(0)), [80, 80], [25, 20])
 *     scan: ctc(z(2, 300, 5), y[:2], [300, 280], n[:2])
 */
const FIGURES = {
  plain: [6.5408477, -0.4764876, 0.7620413],
  lengths: [3.4220794, -0.5040243, 0.5310308],
  "last blank": [6.5454961, -0.122699, 0.7560898],
  "time first": [4.8660125, -0.1568129, 0.7579366],
  "classes first": [5.084919, -0.559899, 0.6766399],
  infeasible: [2.6286313, -0.5452757, 0.4841911],
  empty: [11.208874, -0.8540655, 1.1859055],
  long: [11.2989406, 0.0207495, 0.1900759],
  scan: [277.8360498, -0.1308731, 3.8725557],
} as const;

const int64 = (values: readonly number[], dims = [values.length]) =>
  new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
const y = int64([1, 1, 2, 3, 4, 0, 2, 0, 0], [3, 3]);
// The first label of the second row is 30 - 1 if the blank comes last; -1 fills.
const shifted = int64([0, 0, 1, 2, 3, -1, 1, -1, -1], [3, 3]);
const LONG = [
  [30, 16, 15, 4, 26, 31, 17, 26, 5, 31, 39, 12, 4, 22, 11, 27, 19, 28, 39, 34, 39, 3, 36, 36, 36],
  [36, 29, 3, 4, 31, 2, 34, 3, 31, 26, 22, 17, 21, 18, 26, 39, 10, 5, 2, 38, 12, 26, 11, 33, 8],
];
const lengths = (inputLengths: number[], targetLengths?: number[]) => ({
  inputLengths: int64(inputLengths),
  ...(targetLengths ? { targetLengths: int64(targetLengths) } : {}),
});

type Given = Omit<Parameters<typeof lossOn>[0], "loss">;
const CASES: readonly [keyof typeof FIGURES, Given][] = [
  ["plain", { dims: [3, 7, 5], target: y }],
  ["lengths", { dims: [3, 7, 5], target: y, arrays: lengths([7, 5, 3], [3, 2, 1]) }],
  ["last blank", { dims: [3, 7, 5], target: shifted, lossOptions: { blank: -1 } }],
  ["time first", { dims: [7, 3, 5], target: y }],
  ["classes first", { dims: [3, 5, 7], target: y, lossOptions: { classAxis: 1 } }],
  [
    "infeasible",
    { dims: [3, 7, 5], target: y, arrays: lengths([3, 5, 3]), lossOptions: { zeroInfinity: true } },
  ],
  ["empty", { dims: [3, 7, 5], target: y, arrays: { targetLengths: int64([0, 2, 1]) } }],
  [
    "long",
    {
      dims: [2, 80, 40],
      target: int64(LONG.flat(), [2, 25]),
      arrays: { targetLengths: int64([25, 20]) },
    },
  ],
  [
    "scan",
    {
      dims: [2, 300, 5],
      target: int64([1, 1, 2, 3, 4, 0], [2, 3]),
      arrays: lengths([300, 280], [3, 2]),
    },
  ],
];

const near = (got: readonly number[], name: keyof typeof FIGURES) => {
  for (const [k, value] of got.entries()) {
    const wanted = FIGURES[name][k];
    const off = Math.abs(value - wanted) / Math.max(1, Math.abs(wanted));
    expect(off, `${name}, figure ${k}: ${value}`).toBeLessThan(1e-5);
  }
};

describe("connectionist temporal classification", () => {
  it.each(CASES)("is that of PyTorch, value and gradient: %s", async (name, given) => {
    const got = await lossOn({ ...given, loss: "ctc" });
    near(got.figures, name);
    expect(got.examples).toBe(Number(given.target.dims[0]));
  });

  it.each([7, 9, 11])("and the same in opset %i", async (opset) => {
    for (const name of ["plain", "lengths", ...(isNightly ? (["scan"] as const) : [])] as const) {
      const [, given] = CASES.find(([each]) => each === name)!;
      if (opset < (name === "scan" ? 11 : 9) && name !== "plain") continue;
      near((await lossOn({ ...given, loss: "ctc", opset })).figures, name);
    }
  });

  it("and of probabilities, from a Softmax that is removed or cannot be", async () => {
    const given = { dims: [3, 7, 5], target: y, loss: "ctc" as const };
    const removed = "s = Add(z, nil) out = Softmax<axis = -1>(s)";
    near((await lossOn({ ...given, ending: removed })).figures, "plain");
    const kept = "s = Add(z, nil) q = Softmax<axis = -1>(s) one = Exp(nil) out = Mul(q, one)";
    near((await lossOn({ ...given, ending: kept })).figures, "plain");
  });

  it("is infinite for a row with more labels than steps, unless asked otherwise", async () => {
    const [, given] = CASES.find(([name]) => name === "infeasible")!;
    const { figures } = await lossOn({ ...given, lossOptions: {}, loss: "ctc" });
    expect(figures[0]).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ["one row of labels", { target: int64([1, 2, 3]) }, /labels \[rows, labels\]/],
    ["another number of rows", { target: int64([1, 2, 1, 2], [2, 2]) }, /has no axis of 2 rows/],
    ["no such axis", { target: y, lossOptions: { timeAxis: 2 } }, /--time-axis 2 is not an axis/],
  ])("is refused in a sentence with %s", async (_, given, why) => {
    await expect(lossOn({ dims: [3, 7, 5], loss: "ctc", ...given })).rejects.toThrow(why);
  });
});
