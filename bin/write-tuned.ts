import path from "node:path";
import {
  adapterBytes,
  applyAdapter,
  extractAdapter,
  type LossPlan,
  type Model,
  type Tensors,
  tunedModel,
  weightsAsInputs,
} from "../src/index.ts";
import type { FinetuneArguments } from "./finetune-arguments.ts";
import type { Files } from "./finetune-files.ts";
import { gotWorse } from "./got-worse.ts";
import { ort } from "./runtime.ts";
import type { Settings } from "./settings.ts";
import { staged } from "./staged.ts";
import { bytes, counted } from "./text.ts";
import type { History } from "./training.ts";
import { figures } from "./watch.ts";

/** Writes tuned model, adapter, log and loss curve, all of them or none, and reports. */
export async function writeTuned(
  args: FinetuneArguments,
  files: Files,
  { given, model }: { readonly given: Model; readonly model: Model },
  { settings, plan }: { readonly settings: Settings; readonly plan: LossPlan },
  history: History,
): Promise<void> {
  const { best, steps, epochs, before, ended, error } = history;
  const inside = tunedModel(model, best!.weights as Tensors);
  const adapter = extractAdapter(inside, { train: args.train });
  const externalData = files.data && path.basename(files.data);
  const tuned = externalData ? await applyAdapter(given, adapter, { ort, externalData }) : inside;
  const names = adapter.tensors.map(({ name }) => name);
  const final = args.weights === "as-inputs" ? weightsAsInputs(tuned, names) : tuned;
  const { epoch, loss } = best!;
  const advice = gotWorse(history, args);
  const summary = { ended, error, advice, best: { epoch, loss }, before, epochs };
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const { model: input, data, eval: held } = args;
  const variant = adapter.laurelizations.map((each) => each.variant).join(", ");
  const how = { model: input, variant, data: listed(data), eval: listed(held) };
  const { output, reading, notes } = plan;
  const computed = { output, classAxis: reading.axis, shift: reading.shift, notes };
  const log = {
    ...how,
    computed,
    settings: { ...settings.firm, ...settings.free },
    ...summary,
    steps,
  };
  const beside = new Map([
    [path.basename(files.adapter), adapterBytes(adapter)],
    [path.basename(files.log), utf8(`${JSON.stringify(log, null, 2)}\n`)],
    [path.basename(files.curve), utf8(await curveOf(args, history))],
  ]);
  (await staged(final, files.model, beside)).keep();
  if (args.json)
    process.stdout.write(
      `${JSON.stringify({ notes, ...summary, files, steps: steps.length }, null, 2)}\n`,
    );
  else if (!args.quiet) {
    const at = epochs.find((each) => each.epoch === epoch);
    const shown = at?.eval ?? at?.train;
    process.stdout.write(
      `${notes.map((note) => `${note}\n`).join("")}${counted(steps.length, "step")}, best after epoch ${epoch}: ${shown ? figures(shown) : `loss ${loss}`}${before ? ` (before: ${figures(before)})` : ""}${advice ? `\n${advice}` : ""}\nwrote ${files.model}   ${bytes(final.size)}\nwrote ${files.adapter}, ${[files.log, files.curve, files.state].map((file) => path.basename(file)).join(", ")}\n`,
    );
  }
}

/** One file as its path, several as a list. */
const listed = (files: readonly string[] | undefined) =>
  files?.length === 1 ? files[0] : (files ?? null);

async function curveOf(args: FinetuneArguments, { steps, epochs, before }: History) {
  const { lossCurve } = await import("./loss-curve.ts");
  return lossCurve(
    {
      train: steps.map(({ step, loss }) => [step, loss]),
      eval: [
        ...(before ? [[0, before] as const] : []),
        ...epochs.flatMap((each) => (each.eval ? [[each.step, each.eval] as const] : [])),
      ].map(([step, { loss, metrics }]) => [step, loss, Object.values(metrics)[0]]),
    },
    path.basename(args.model),
    Object.keys(steps[0]?.metrics ?? {})[0],
  );
}
