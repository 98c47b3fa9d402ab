import {
  checkHead,
  counted,
  type Merged,
  mergedWeights,
  type Tied,
  tiedWeights,
  trainingWarnings,
  tuningOf,
} from "../passes/internal.ts";
import {
  extractAdapter,
  isLaurelized,
  laurelize,
  type Model,
  NoSiteError,
  newHead,
  trainableWeights,
} from "../src/index.ts";
import { dashed } from "../src/options.ts";
import type { FinetuneArguments } from "./commands/finetune.ts";
import { type Inserting, laurelOptions } from "./commands/inserting.ts";
import { ort } from "./runtime.ts";
import { tell } from "./supervision.ts";

/** Prints a note or a warning on stderr. */
export type Say = (kind: "note" | "warning", text: string) => void;

type TrainedArguments = Inserting &
  Pick<
    FinetuneArguments,
    "model" | "given" | "train" | "newHead" | "classes" | "featureAxis" | "also"
  >;

/** Returns the model to train: with a new last layer, and laurelized unless weights are named. */
export async function modelToTrain(args: TrainedArguments, given: Model, say: Say): Promise<Model> {
  const { newHead: layer, classes, seed } = args;
  checkHead(layer, classes);
  if (layer === undefined) return laurelizedModel(args, given, say);
  tell({ step: "replacing the last layer" });
  const model = await newHead(given, { ort, layer, classes: classes!, seed });
  const { fromIntegers, fromDirections } = tuningOf(model.metadata)?.head ?? {};
  if (fromIntegers)
    say("note", `the new layer is in floats; the rest of ${args.model} stays quantized.`);
  if (fromDirections)
    say("note", "the old layer compares vectors of length 1; the new one is linear.");
  return laurelizedModel(args, model, say);
}

async function laurelizedModel(args: TrainedArguments, given: Model, say: Say): Promise<Model> {
  const options = laurelOptions(args);
  const named = Object.keys(options).filter((name) => name !== "seed");
  const isOwn = args.train?.length || tuningOf(given.metadata)?.head;
  if (!isLaurelized(given) && named.length === 0 && isOwn) {
    const weights = trainableWeights(given, args.train);
    say(
      "note",
      `${counted(weights.length, "weight tensor")} of the model ${weights.length === 1 ? "is" : "are"} trained, without LAuReL; --variant ${args.variant} adds it.`,
    );
    for (const warning of trainingWarnings(given.graph)) say("warning", warning);
    warnOfExport(given, args, say);
    return given;
  }
  tell({ step: "finding the residual connections" });
  const { model, warnings } = isLaurelized(given)
    ? { model: given, warnings: trainingWarnings(given.graph) }
    : await laurelize(given, { ...options, ort, externalData: null }).catch(withAdvice);
  for (const warning of warnings) say("warning", warning);
  trainableWeights(model, args.train);
  warnOfExport(model, args, say);
  if (model !== given) return model;
  const { laurelizations } = await extractAdapter(model, { train: [] });
  const variant = laurelizations.map((each) => each.variant).join(", ");
  for (const name of named)
    if (!(name === "variant" && args.variant === variant))
      say(
        "warning",
        `--${dashed(name)} has no effect: ${args.model} is already laurelized with ${variant}.`,
      );
  return model;
}

/** Says what else can be trained if there is no site. */
function withAdvice(error: unknown): never {
  if (error instanceof NoSiteError && error.found.sites.length === 0)
    error.message += " --train 'fc.*' or --new-head trains weights of its own instead.";
  throw error;
}

function warnOfExport(model: Model, { train }: TrainedArguments, say: Say): void {
  for (const tied of tiedWeights(model, train)) say("warning", tiedWarning(tied));
  const merged = mergedWeights(model, train);
  if (merged.length > 0) say("warning", mergedWarning(merged));
}

/** What to know of weights that the exporter merged because they held the same number. */
function mergedWarning(merged: readonly Merged[]): string {
  const names = merged.map(({ weight, readers }) => `${weight} (read by ${readers} nodes)`);
  return `${names.join(", ")} ${merged.length > 1 ? "each hold" : "holds"} a single number: the exporter merged equal weights, which are trained as one from here.`;
}

function tiedWarning({ weight, copy, transposed, isTrained }: Tied): string {
  const same = `${weight} and ${copy} hold the same numbers${transposed ? ", transposed" : ""}: the exporter copied a tied weight`;
  return isTrained
    ? `${same}, and each is trained on its own from here.`
    : `${same}, and --train names only the first; add --train '${copy}' if both are to learn.`;
}
