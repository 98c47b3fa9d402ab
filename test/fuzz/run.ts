import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { turnOffTelemetry } from "../../bin/no-telemetry.ts";
import { type Case, caseOf } from "./case.ts";
import { command } from "./command.ts";
import { DIED, type Verdict } from "./examine.ts";
import { seedlings } from "./models.ts";
import { workshop } from "./workshop.ts";

turnOffTelemetry();

// npm run fuzz [-- seconds]: mutated models through the roof and the command line, for as long as
// one likes. npm run fuzz -- --seed 123 does one case again; --from 1 starts at a given seed;
// --cases 60 ends after as many.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    from: { type: "string" },
    cases: { type: "string" },
    keep: { type: "string" },
    verbose: { type: "boolean" },
  },
});
const only = values.seed === undefined ? null : Number(values.seed);
const seconds = Number(positionals[0] ?? 60);
const cases = values.cases === undefined ? null : Number(values.cases);
const from = only ?? Number(values.from ?? Math.floor(Math.random() * 2 ** 31));
/** Seconds of a model's own runs from which on the many runs of a proof may take too long. */
const SLOW = 1;
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
  const it = await caseOf(seed, models);
  const folder = path.join(scratch, String(seed));
  fs.mkdirSync(folder);
  const start = performance.now();
  const { outcome, finding, detail } = await verdictOn(it, folder);
  const took = (performance.now() - start) / 1000;
  if (took > slowest.seconds) slowest = { seed, seconds: took };
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  if (only !== null || values.verbose || finding) {
    say(
      `seed ${seed}: ${it.model}, ${it.did.join(", ")}; ${it.task} by ${it.way}, ${it.options.variant}`,
    );
    say(`  ${took.toFixed(1)} s ${outcome}${detail ? `: ${detail.trim()}` : ""}`);
  }
  if (finding) {
    findings++;
    say(`  FINDING: ${finding}`);
  }
  if (finding || only !== null) {
    fs.mkdirSync(keep, { recursive: true });
    const kept = path.join(keep, `${seed}.onnx`);
    fs.writeFileSync(kept, it.bytes);
    say(`  kept in ${kept}; again with: npm run fuzz -- --seed ${seed}`);
  }
  fs.rmSync(folder, { recursive: true, force: true });
}

/** Does a case. What onnxruntime does with the model alone as well is no finding. */
async function verdictOn(it: Case, folder: string): Promise<Verdict> {
  const asked = { seed: it.seed, folder, alone: false };
  const verdict =
    it.way === "bin" ? await command(it, folder, LIMITS) : await shop.take(asked, LIMITS);
  if (verdict.outcome !== DIED || !/^(hangs|takes|dies)/.test(verdict.finding ?? ""))
    return verdict;
  const alone = await shop.take({ ...asked, alone: true }, LIMITS);
  const [how] = verdict.finding!.split(/\W/);
  const slow = how === "hangs" && Number(/^runs in ([\d.]+) s/.exec(alone.detail)?.[1]) > SLOW;
  // What never ends may be ended for either.
  const endless = ["hangs", "takes"];
  const also = alone.finding?.split(/\W/)[0] ?? "";
  const same = also === how || (endless.includes(also) && endless.includes(how));
  if (!same && !slow) {
    const detail = `${verdict.detail}; onnxruntime alone: ${alone.finding ?? alone.detail}`;
    return { ...verdict, detail };
  }
  return { outcome: `onnxruntime alone ${how}`, finding: null, detail: verdict.finding! };
}

const howLong = cases === null ? `${seconds} s` : `${cases} cases`;
say(`seed ${from}${only === null ? `, ${howLong}` : ""}, ${models.length} models`);
const end = performance.now() + seconds * 1000;
let seed = from;
const goesOn = () => (cases === null ? performance.now() < end : seed < from + cases);
do await take(seed++);
while (only === null && goesOn());
shop.close();
say(
  `${seed - from} cases from seed ${from}, ${findings} findings; the slowest, ${slowest.seed}, took ${slowest.seconds.toFixed(1)} s`,
);
for (const [outcome, count] of [...outcomes].sort((a, b) => b[1] - a[1]))
  say(`${String(count).padStart(7)} ${outcome}`);
process.exitCode = findings === 0 ? 0 : 1;
