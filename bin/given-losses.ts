import { type WrittenTerm, writtenTerm } from "../passes/internal.ts";
import { type FitOptions, type LossName, openModel } from "../src/index.ts";
import type { FinetuneArguments } from "./commands/finetune.ts";
import { UsageError } from "./failure.ts";

type Given = Pick<FinetuneArguments, "loss" | "target" | "outputName">;

/** Returns the one loss of a command line, or several. Throws a UsageError if one is not a loss. */
export async function givenLosses(
  args: Given,
): Promise<Pick<FitOptions, "loss" | "losses" | "target" | "output">> {
  const { target, outputName: output } = args;
  const terms = args.loss.map(termOf);
  const plain = terms.filter((term) => !term.output && !term.target && term.weight === null);
  if (plain.length > 1)
    throw new UsageError(
      "--loss is given twice; to add up losses, write each one as OUTPUT=LOSS:TARGET*WEIGHT.",
    );
  const [only] = terms;
  if (terms.length === 1 && only.output === null && only.weight === null)
    return { loss: await namedLoss(only.loss), target: only.target ?? target, output };
  const losses = terms.map(async (term) => ({
    loss: await namedLoss(term.loss),
    output: term.output ?? output,
    target: term.target ?? target,
    weight: term.weight ?? 1,
  }));
  return { losses: await Promise.all(losses) };
}

function termOf(text: string): WrittenTerm {
  const term = writtenTerm(text);
  if (term === null || Number.isNaN(term.weight))
    throw new UsageError(
      `--loss ${text} is not understood; write LOSS, or OUTPUT=LOSS:TARGET*WEIGHT, such as 'logits=cross-entropy:labels*0.5'.`,
    );
  return term;
}

/** Returns a loss by its name, or the graph in a file. */
export const namedLoss = async (name: string) =>
  /\.onnx$/i.test(name) ? openModel(name) : (name as LossName);
