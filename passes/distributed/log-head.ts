import type { Model } from "../../src/model.ts";
import type { Adapter } from "../adapter/adapter.ts";
import { settingsOf } from "../finetune/settings.ts";
import type { DifferentiatedStep } from "../finetune/step-graph.ts";
import type { Schedule } from "../schedules/schedule.ts";
import type { ExportStepOptions, ExportValues } from "./export-options.ts";
import type { StepManifest } from "./manifest.ts";

/** What a log says before anything is trained. */
interface LogHead {
  readonly name: string;
  readonly options: ExportStepOptions;
  readonly plan: Pick<DifferentiatedStep, "plan" | "ports">;
  readonly adapter: Adapter;
  readonly rows: number;
  readonly values: ExportValues;
  readonly schedule: Schedule;
}

/** Begins the log of a training, with the fields that finetune's has. */
export async function logHead(
  model: Model,
  { name, options, plan, adapter, rows, values, schedule }: LogHead,
): Promise<StepManifest["log"]> {
  const { loss, train, target, output, optimizer, lossOptions, optimizerOptions, ort } = options;
  const { firm, free } = await settingsOf(model, {
    options: {
      ...{ ort, loss, train, target, output, optimizer, lossOptions, optimizerOptions },
      accumulate: values.accumulate,
    },
    data: null,
    eval: null,
    batchSize: rows,
    seed: values.seed,
    schedule,
  });
  const { reading } = plan.ports;
  const { output: on, notes } = plan.plan;
  return {
    model: name,
    variant: adapter.laurelizations.map(({ variant }) => variant).join(", "),
    computed: { output: on, classAxis: reading.axis, shift: reading.shift, notes },
    settings: { ...firm, ...free },
  };
}
