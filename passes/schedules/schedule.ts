import { InputError } from "../../src/errors.ts";
import { valuesOf } from "../../src/option-values.ts";
import { type GivenOptions, type Options, positiveInteger } from "../../src/options.ts";

/** How the learning rate decays after the warm-up. */
interface Shape {
  /** Whether it decays over a number of steps that must be known. */
  readonly ends: boolean;
  /** Returns the rate after a fraction of these steps, from 0 to 1. */
  readonly at: (lr: number, done: number) => number;
}

const SHAPES = {
  constant: { ends: false, at: (lr) => lr },
  cosine: { ends: true, at: (lr, done) => (lr * (1 + Math.cos(Math.PI * done))) / 2 },
} as const satisfies Readonly<Record<string, Shape>>;

/** Returns a schedule by its name. */
export type ScheduleName = keyof typeof SHAPES;

const names = Object.keys(SHAPES) as ScheduleName[];

/** Declarations of the learning rate options. */
export const scheduleOptions = {
  lr: {
    type: "number",
    default: 1e-3,
    range: { above: 0 },
    describe: "learning rate",
  },
  schedule: {
    type: "string",
    choices: names,
    default: names[0],
    describe: "learning rate after the warm-up: constant, or a cosine that decays to zero",
  },
  scheduleSteps: {
    ...positiveInteger,
    nullable: true,
    describe:
      "number of steps in which cosine decays to zero; set it if --resume will add epochs  [default: all steps of the run]",
    idle: ({ schedule = names[0] }) =>
      SHAPES[schedule as ScheduleName]?.ends ? null : `the schedule ${schedule} does not end`,
  },
  warmup: {
    type: "number",
    default: 0,
    range: { integer: true, min: 0 },
    describe: "number of first steps in which the learning rate rises from zero",
  },
} as const satisfies Options;

/** The learning rate over the steps. */
export interface Schedule {
  readonly name: ScheduleName;
  /** The highest learning rate. */
  readonly lr: number;
  /** Steps over which it rises linearly from zero. */
  readonly warmup: number;
  /** Steps over which it decays; null if it does not. */
  readonly steps: number | null;
}

/**
 * Returns the schedule for the options. Throws an InputError if one is out of range, or if the
 * schedule needs a number of steps and none is given.
 */
export function scheduleOf(given: GivenOptions): Schedule {
  const { lr, schedule: name, scheduleSteps, warmup } = valuesOf(scheduleOptions, given);
  if (SHAPES[name].ends && scheduleSteps === null)
    throw new InputError(`the schedule ${name} needs the number of steps; give scheduleSteps.`);
  return { name, lr, warmup, steps: SHAPES[name].ends ? scheduleSteps : null };
}

/** Returns the learning rate of a step, counted from 1. */
export function rateAt({ name, lr, warmup, steps }: Schedule, step: number): number {
  if (step <= warmup) return (lr * step) / warmup;
  const done = steps === null ? 0 : (step - 1 - warmup) / Math.max(1, steps - warmup);
  return SHAPES[name].at(lr, Math.min(1, done));
}
