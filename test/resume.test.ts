import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { isLaurelized, openModel } from "laurelize";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/fixture.ts";
import { examples, littleTraining } from "./support/little-training.ts";
import { npzOf } from "./support/npz-file.ts";
import { isNightly } from "./support/sweep.ts";

const folder = temporaryFolder();
const { at, args, run } = littleTraining(folder);
const bin = path.join(import.meta.dirname, "../dist/bin/laurelize.js");
const held = ["--eval", at("val.npz")];
const how = ["--lr", "0.03", "--rank", "4", "--batch-size", "24"];

/** The files of a run, but for the model's name in its curve and log, which are the same. */
const written = (stem: string) =>
  [".onnx", ".safetensors", ".json", ".svg", ".state.safetensors"].map(
    (ending) => [ending, fs.readFileSync(at(`${stem}${ending}`))] as const,
  );

function expectSame(stem: string, other: string): void {
  for (const [k, [ending, bytes]] of written(stem).entries())
    expect(Buffer.compare(bytes, written(other)[k][1]), ending).toBe(0);
}

/** Runs until stderr says something, then sends signals; tells the exit code and what was said. */
async function interrupted(given: readonly string[], when: string, signals = 1) {
  const child = spawn(process.execPath, [bin, ...given], { stdio: ["ignore", "ignore", "pipe"] });
  // A signal that comes after the last step ends the process itself, which shells report as 130.
  const code = new Promise<number | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal === "SIGINT" ? 130 : code)),
  );
  let said = "";
  let sent = 0;
  child.stderr.on("data", (data) => {
    said += data;
    if (!said.includes(when) || sent >= signals) return;
    if (sent > 0 && !said.includes("stopping after this step")) return;
    sent++;
    child.kill("SIGINT");
  });
  return { code: await code, said };
}

describe("finetune --resume", { timeout: 120_000 }, () => {
  it("comes to the bytes of the uninterrupted run, from an epoch's end", () => {
    expect(run("train.npz", ...how, ...held, "-e", "5", "-o", at("once.onnx")).code).toBe(0);
    expect(run("train.npz", ...how, ...held, "-e", "2", "-o", at("twice.onnx")).code).toBe(0);
    const rest = run("train.npz", ...how, ...held, "-e", "5", "-o", at("twice.onnx"), "--resume");
    expect(rest.stderr).toContain("continuing after epoch 2");
    expect(rest.code).toBe(0);
    expectSame("twice", "once");
  });

  it("gives them from the middle of an epoch too, wherever Ctrl-C came", async () => {
    const course = [...how, ...held, "--schedule", "cosine", "-e", "24"];
    const given = args("train.npz", ...course, "-o", at("stopped.onnx"));
    const first = await interrupted(given, "epoch 3/");
    expect(first.code, first.said).toBe(130);
    expect(isLaurelized(await openModel(at("stopped.onnx")))).toBe(true);
    const log = JSON.parse(fs.readFileSync(at("stopped.json"), "utf8"));
    expect(log.stopped).toBe("aborted");
    expect(log.steps.length).toBeLessThan(24 * 10);
    const rest = run("train.npz", ...course, "-o", at("stopped.onnx"), "--resume");
    expect(rest.code, rest.stderr).toBe(0);
    expect(run("train.npz", ...course, "-o", at("through.onnx")).code).toBe(0);
    expectSame("stopped", "through");
  });

  it("keeps counting an epoch without a better one, and trains no further once patience is over", () => {
    const once = [...held, "--lr", "5", "--patience", "3"];
    const all = [...once, "-e", "40"];
    const whole = run("train.npz", ...all, "-o", at("patient.onnx"), "--json");
    const { stopped, epochs } = JSON.parse(whole.stdout);
    expect(stopped).toBe("patience");
    const early = ["-e", String(epochs.length - 1), "-o", at("early.onnx")];
    expect(run("train.npz", ...once, ...early).code).toBe(0);
    expect(run("train.npz", ...all, "-o", at("early.onnx"), "--resume").code).toBe(0);
    expectSame("early", "patient");
    expect(run("train.npz", ...all, "-o", at("early.onnx"), "--resume").code).toBe(0);
    expectSame("early", "patient");
  });

  it("ends at once at the second Ctrl-C, and leaves the state", async () => {
    const given = args("train.npz", ...how, ...held, "-e", "100000", "-o", at("twofold.onnx"));
    const { code } = await interrupted(given, "epoch 2/", 2);
    expect(code).toBe(130);
    expect(fs.existsSync(at("twofold.state.safetensors"))).toBe(true);
    expect(fs.readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });

  describe("of a run made in another way", () => {
    const base = [...how, "-e", "2", "-o", at("base.onnx")];
    const swap = (option: string, value: string) =>
      base.map((each, k) => (base[k - 1] === option ? value : each));
    const other: [string, () => string[], RegExp][] = [
      ["rank", () => swap("--rank", "3"), /of another model, variant, rank or seed/],
      ["variant", () => [...base, "--variant", "rw"], /of another model, variant, rank or seed/],
      ["train", () => [...base, "--train", "head"], /with --train none, and this one has head/],
      ["optimizer", () => [...base, "--optimizer", "sgd"], /with --optimizer adamw/],
      ["eval", () => [...base, ...held], /evaluated on other data \(--eval\)/],
      ["ignored label", () => [...base, "--ignore-index", "-1"], /--ignore-index -100/],
    ];
    it.each(other)("another %s is refused, also with --force", (name, make, why) => {
      if (!fs.existsSync(at("base.onnx"))) expect(run("train.npz", ...base).code).toBe(0);
      const before = written("base");
      for (const more of isNightly || name === "rank" ? [[], ["--force"]] : [["--force"]]) {
        const ran = run("train.npz", ...make(), "--resume", ...more);
        expect(ran.code).toBe(2);
        expect(ran.stderr).toMatch(why);
      }
      expect(written("base")).toEqual(before);
    });

    const free: [string, () => string[], RegExp][] = [
      ["learning rate", () => swap("--lr", "0.01"), /with --lr 0.03, and this one has 0.01/],
      ["schedule", () => [...base, "--schedule", "cosine"], /with --schedule constant/],
      ["batch size", () => swap("--batch-size", "16"), /with --batch-size 24/],
    ];
    it.each(free)("another %s is refused, and taken with --force", (_, make, why) => {
      const given = make().map((each) => (each === "2" ? "3" : each));
      const ran = run("train.npz", ...given, "--resume");
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(why);
      const copy = given.map((each) => (each === at("base.onnx") ? at("forced.onnx") : each));
      for (const [ending, bytes] of written("base")) fs.writeFileSync(at(`forced${ending}`), bytes);
      const forced = run("train.npz", ...copy, "--resume", "--force");
      expect(forced.code, forced.stderr).toBe(0);
      expect(forced.stderr).toContain("continuing after epoch 2");
    });

    it("other data is refused", () => {
      fs.writeFileSync(at("more.npz"), npzOf(examples(300, "more")));
      const ran = run("more.npz", ...base, "--resume");
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(/of a run on other data/);
    });

    it.each([
      ["a file of another kind", () => fs.readFileSync(at("net.onnx")), /safetensors/],
      ["an adapter", () => fs.readFileSync(at("base.safetensors")), /not a checkpoint/],
      ["nothing", () => new Uint8Array(), /safetensors/],
    ])("%s is refused", (_, make, why) => {
      fs.writeFileSync(at("odd.state.safetensors"), make());
      const given = [...how, "-e", "2", "-o", at("odd.onnx"), "--resume"];
      const ran = run("train.npz", ...given);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(why);
      expect(ran.stderr).not.toContain("fault of laurelize");
    });
  });
});
