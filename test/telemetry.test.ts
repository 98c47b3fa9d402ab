import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { turnOffTelemetry } from "../bin/no-telemetry.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { littleTraining } from "./support/little-training.ts";
import { isNightly } from "./support/sweep.ts";

const bin = path.join(import.meta.dirname, "../dist/bin/laurelize.js");
const scratch = temporaryFolder();
const { at, args: tuning } = littleTraining(scratch);

/** Runs the command line with a temporary folder and a home of its own; tells what it left there. */
function leftBy(args: readonly string[]): string[] {
  const [tmp, home] = ["tmp", "home"].map((name) => at(name));
  for (const folder of [tmp, home]) fs.mkdirSync(folder);
  const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: tmp, HOME: home, XDG_CACHE_HOME: home };
  delete env.ORT_DISABLE_TELEMETRY;
  const { status, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: "utf8", env });
  expect(status, stderr).toBe(0);
  const left = [tmp, home].flatMap((folder) => fs.readdirSync(folder));
  for (const folder of [tmp, home]) fs.rmSync(folder, { recursive: true });
  return left;
}

describe.skipIf(process.platform === "win32")(
  "onnxruntime's telemetry",
  { timeout: 60_000 },
  () => {
    it("leaves nothing in the temporary folder or at home, whatever the command", () => {
      expect(leftBy(tuning("train.npz", "--epochs", "1"))).toEqual([]);
      if (!isNightly) return;
      const laurel = ["--feature-axis", "1", "-o", at("o.onnx")];
      expect(leftBy([at("net.onnx"), ...laurel])).toEqual([]);
      expect(leftBy(["inspect", at("net.onnx"), "--feature-axis", "1"])).toEqual([]);
      expect(leftBy(["compare", at("net.onnx"), at("o.onnx")])).toEqual([]);
      expect(leftBy(["check", at("net.onnx"), "--target", "web"])).toEqual([]);
    });

    it("is the user's to turn on", () => {
      const decided = { ORT_DISABLE_TELEMETRY: "0" };
      turnOffTelemetry(decided);
      expect(decided).toEqual({ ORT_DISABLE_TELEMETRY: "0" });
      const undecided: NodeJS.ProcessEnv = {};
      turnOffTelemetry(undecided);
      expect(undecided).toEqual({ ORT_DISABLE_TELEMETRY: "1" });
    });
  },
);
