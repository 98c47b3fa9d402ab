import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { caseOf } from "./case.ts";
import { command } from "./command.ts";
import type { Verdict } from "./examine.ts";
import { seedlings } from "./models.ts";
import { workshop } from "./workshop.ts";

// npm run fuzz [-- seconds]: mutated models through the roof and the command line, for as long as
// one likes. npm run fuzz -- --seed 123 does one case again; --from 1 starts at a given seed.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    from: { type: "string" },
    keep: { type: "string" },
    verbose: { type: "boolean" },
  },
});
const only = values.seed === undefined ? null : Number(values.seed);
const seconds = Number(positionals[0] ?? 60);
const from = only ?? Number(values.from ?? Math.floor(Math.random() * 2 ** 31));
const LIMITS = { seconds: 30, megabytes: 2048 };

const keep = values.keep ?? path.join(os.tmpdir(), "laurelize-fuzz");
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "laurelize-fuzz-"));
process.once("exit", () => fs.rmSync(scratch, { recursive: true, force: true }));
const models = seedlings();
const shop = workshop(path.join(import.meta.dirname, "child.mjs"));
const say = (text: string) => process.stdout.write(`${text}\n`);
const outcomes = new Map<string, number>();
let findings = 0;
let slowest = { seed: from, seconds: 0 };

async function take(seed: number): Promise<void> {
  const it = caseOf(seed, models);
  const folder = path.join(scratch, String(seed));
  fs.mkdirSync(folder);
  const start = performance.now();
  const verdict =
    it.way === "bin"
      ? await command(it, folder, LIMITS)
      : await shop.take({ seed, folder, alone: false }, LIMITS);
  const took = (performance.now() - start) / 1000;
  if (took > slowest.seconds) slowest = { seed, seconds: took };
  outcomes.set(verdict.outcome, (outcomes.get(verdict.outcome) ?? 0) + 1);
  if (only !== null || values.verbose || verdict.finding) {
    say(`seed ${seed}: ${it.model}, ${it.did.join(", ")}; ${it.way}, ${it.options.variant}`);
    say(
      `  ${took.toFixed(1)} s ${verdict.outcome}${verdict.detail ? `: ${verdict.detail.trim()}` : ""}`,
    );
  }
  if (verdict.finding) findings++;
  if (verdict.finding || only !== null) await keepCase(seed, it.bytes, verdict, folder);
  fs.rmSync(folder, { recursive: true, force: true });
}

async function keepCase(
  seed: number,
  bytes: Uint8Array,
  { finding, outcome }: Verdict,
  folder: string,
) {
  fs.mkdirSync(keep, { recursive: true });
  const kept = path.join(keep, `${seed}.onnx`);
  fs.writeFileSync(kept, bytes);
  if (finding) say(`  FINDING: ${finding}`);
  if (outcome === "died") {
    const alone = await shop.take({ seed, folder, alone: true }, LIMITS);
    say(`  onnxruntime alone: ${alone.finding ?? alone.detail}`);
  }
  say(`  kept in ${kept}; again with: npm run fuzz -- --seed ${seed}`);
}

say(`seed ${from}${only === null ? `, ${seconds} s` : ""}, ${models.length} models`);
const end = performance.now() + seconds * 1000;
let seed = from;
do await take(seed++);
while (only === null && performance.now() < end);
shop.close();
say(
  `${seed - from} cases from seed ${from}, ${findings} findings; the slowest, ${slowest.seed}, took ${slowest.seconds.toFixed(1)} s`,
);
for (const [outcome, count] of [...outcomes].sort((a, b) => b[1] - a[1]))
  say(`${String(count).padStart(7)} ${outcome}`);
process.exitCode = findings === 0 ? 0 : 1;
