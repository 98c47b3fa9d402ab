import type { FinetuneArguments } from "./finetune-arguments.ts";
import type { History } from "./training.ts";

/** How much larger a loss must be than the best one, as a share of it, to count as worse. */
const MARGIN = 0.01;

const shown = (loss: number) => loss.toPrecision(4);

/**
 * Says since which epoch a training got worse, and what to try: null if it did not. The loss is the
 * evaluation's, without that the training's.
 */
export function gotWorse(
  { epochs, before, best }: Pick<History, "epochs" | "before" | "best">,
  { lr, patience }: Pick<FinetuneArguments, "lr" | "patience">,
): string | null {
  const last = epochs.at(-1);
  if (!last || !best) return null;
  const { eval: held, train } = last;
  const isBeaten = before !== null && best.loss >= before.loss;
  const end = (held ?? train).loss;
  const isWorse = !(end <= best.loss * (1 + MARGIN));
  if (!isBeaten && !isWorse) return null;
  const which = held ? "evaluation loss" : "training loss";
  const what = isBeaten
    ? `no epoch brought the ${which} below the ${shown(before.loss)} that it was before training`
    : `the ${which} got worse after epoch ${best.epoch}: ${shown(best.loss)} there, ${shown(end)} after epoch ${last.epoch}`;
  const from = epochs.find(({ epoch }) => epoch === best.epoch) ?? epochs[0];
  const learns = held !== null && train.loss < (isBeaten ? epochs[0] : from).train.loss;
  const advice = learns
    ? `the training loss still fell, so the weights fit the training data alone: try more data, a smaller --rank, fewer --epochs${patience === undefined ? " or --patience 2" : ""}`
    : `try a lower learning rate, --lr ${Number((lr / 10).toPrecision(1))}, or --warmup`;
  return `${what}; the weights of epoch ${best.epoch} are written; ${advice}.`;
}
