import type { Run } from "./history.ts";

/** How much larger a loss must be than the best one, as a share of it, to count as worse. */
const MARGIN = 0.01;

const shown = (loss: number) => loss.toPrecision(4);

/**
 * Returns since which epoch a training got worse and what to try, a sentence; null if it did not
 * get worse. Compares evaluation losses, or training losses if there are none.
 */
export function gotWorse(
  { epochs, before, best }: Pick<Run, "epochs" | "before" | "best">,
  { lr, patience }: { readonly lr: number; readonly patience: number | null },
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
    ? `the training loss still fell, so the weights fit only the training data: try more data, a smaller --rank, fewer --epochs${patience === null ? " or --patience 2" : ""}`
    : `try a lower learning rate, --lr ${Number((lr / 10).toPrecision(1))}, or --warmup`;
  return `${what}; the weights of epoch ${best.epoch} are written; ${advice}.`;
}
