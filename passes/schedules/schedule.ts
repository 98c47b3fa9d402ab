import { InputError } from "../../src/errors.ts";

/** How the learning rate goes over the steps. */
export interface Schedule {
  readonly name: "constant" | "cosine";
  /** The learning rate at its height. */
  readonly lr: number;
  /** Steps over which it rises from zero, in a line. */
  readonly warmup: number;
  /** Steps of the whole. */
  readonly steps: number;
}

export const scheduleNames = ["constant", "cosine"] as const;

/** The learning rate of a step, counted from 1: after the warm-up constant, or half a cosine to zero. */
export function rateAt({ name, lr, warmup, steps }: Schedule, step: number): number {
  if (step <= warmup) return (lr * step) / warmup;
  if (name === "constant") return lr;
  const done = Math.min(1, (step - 1 - warmup) / Math.max(1, steps - warmup));
  return (lr * (1 + Math.cos(Math.PI * done))) / 2;
}

/** Throws an InputError where a schedule is none. */
export function checkSchedule({ name, lr, warmup, steps }: Schedule): void {
  if (!scheduleNames.includes(name))
    throw new InputError(`schedule ${name} is none of ${scheduleNames.join(", ")}.`);
  if (!(lr > 0) || !Number.isFinite(lr)) throw new InputError(`lr ${lr} is no positive number.`);
  if (!Number.isSafeInteger(warmup) || warmup < 0)
    throw new InputError(`warmup ${warmup} is no number of steps.`);
  if (name === "cosine" && !(steps >= 1))
    throw new InputError("the schedule cosine needs to know how many steps there are; give steps.");
}
