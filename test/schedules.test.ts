import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, it } from "vitest";
import { momentumAt, rateAt, type Schedule, scheduleOf } from "../passes/schedules/schedule.ts";
import { pythonWith } from "./support/ranks.ts";

/** PyTorch's learning rates of 12 steps from lr 0.1, in millionths, by its scheduler. */
const RATES: readonly [scheduler: string, options: object, rates: readonly number[]][] = [
  [
    "PolynomialLR(power=1)",
    { schedule: "linear" },
    [100000, 91667, 83333, 75000, 66667, 58333, 50000, 41667, 33333, 25000, 16667, 8333],
  ],
  [
    "LinearLR(1, 0.2)",
    { schedule: "linear", minLr: 0.02 },
    [100000, 93333, 86667, 80000, 73333, 66667, 60000, 53333, 46667, 40000, 33333, 26667],
  ],
  [
    "CosineAnnealingLR(eta_min=0.01)",
    { schedule: "cosine", minLr: 0.01 },
    [100000, 98467, 93971, 86820, 77500, 66647, 55000, 43353, 32500, 23180, 16029, 11533],
  ],
  [
    "PolynomialLR(power=0.9)",
    { schedule: "polynomial", power: 0.9 },
    [100000, 92468, 84867, 77189, 69425, 61564, 53589, 45479, 37204, 28717, 19937, 10684],
  ],
  [
    "StepLR(5, gamma=0.5)",
    { schedule: "step", decay: 0.5, decayEvery: 5 },
    [100000, 100000, 100000, 100000, 100000, 50000, 50000, 50000, 50000, 50000, 25000, 25000],
  ],
  [
    "OneCycleLR(0.1)",
    { schedule: "one-cycle", warmup: 3 },
    [4000, 34979, 87929, 99442, 93301, 81175, 64738, 46264, 28306, 13348, 3457, 0],
  ],
  [
    "constant_with_warmup",
    { schedule: "constant", warmup: 4 },
    [25000, 50000, 75000, ...new Array(9).fill(100000)],
  ],
];

const steps = Array.from({ length: 12 }, (_, k) => k + 1);
const given = RATES.map(([, options]) => scheduleOf({ lr: 0.1, scheduleSteps: 12, ...options }));

it("learning rates are those of PyTorch's schedulers", () => {
  for (const [k, [scheduler, , rates]] of RATES.entries())
    expect(
      steps.map((step) => Math.round(1e6 * rateAt(given[k], step))),
      scheduler,
    ).toEqual(rates);
  // OneCycleLR's momentum, in millionths.
  expect(steps.map((step) => Math.round(1e6 * momentumAt(given[5], step)!))).toEqual([
    950000, 917730, 862574, 850558, 856699, 868826, 885262, 903737, 921694, 936653, 946544, 950000,
  ]);
  expect(momentumAt(given[0], 1)).toBeUndefined();
  // A schedule that is over stays where it ended; warm-up steps are not among those that decay.
  const late = scheduleOf({
    lr: 0.1,
    schedule: "linear",
    warmup: 2,
    scheduleSteps: 12,
    minLr: 0.02,
  });
  expect([1, 2, 3, 8, 13, 99].map((step) => rateAt(late, step))).toEqual(
    [0.05, 0.1, 0.1, 0.06, 0.02, 0.02].map((rate) => expect.closeTo(rate, 12)),
  );
  const thirds = scheduleOf({ lr: 1, schedule: "step", scheduleSteps: 6 });
  expect([2, 3, 5].map((step) => rateAt(thirds, step))).toEqual([1, 0.1, expect.closeTo(0.01, 9)]);
});

it.skipIf(!pythonWith("numpy"))("train.py has the same learning rates and momentum", () => {
  const folder = path.join(import.meta.dirname, "../bin/distributed");
  const program = `import sys, json; sys.dont_write_bytecode = True; sys.path.insert(0, ${JSON.stringify(folder)}); from train import rates
print(json.dumps([[list(rates({"schedule": s, "update": {"momentum": s["name"] == "one-cycle"}}, k, s["steps"] or 12).values()) for k in range(1, 13)] for s in json.load(sys.stdin)]))`;
  const ran = spawnSync(pythonWith("numpy")!, ["-c", program], { input: JSON.stringify(given) });
  expect(ran.status, String(ran.stderr)).toBe(0);
  const rates: number[][][] = JSON.parse(String(ran.stdout));
  const both = (schedule: Schedule, step: number) =>
    [rateAt(schedule, step), momentumAt(schedule, step)].filter((rate) => rate !== undefined);
  for (const [k, schedule] of given.entries())
    for (const step of steps)
      expect(rates[k][step - 1]).toEqual(
        both(schedule, step).map((rate) => expect.closeTo(rate, 12)),
      );
});
