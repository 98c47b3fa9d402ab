import { InputError } from "../../src/errors.ts";
import { type ValuesOf, valuesOf } from "../../src/option-values.ts";
import { type GivenOptions, type Options, positiveInteger } from "../../src/options.ts";
import {
  type ScheduleName,
  type ShapeOptions,
  type ShapeValues,
  schedules,
  shapeNamed,
  shapeOptions,
} from "./schedules.ts";

const everySchedule = {
  lr: {
    type: "number",
    default: 1e-3,
    range: { above: 0 },
    describe: "learning rate; with a schedule, the highest",
  },
  schedule: {
    type: "string",
    choices: schedules.map(({ name }) => name),
    default: schedules[0].name,
    describe: "learning rate after the warm-up, as in PyTorch",
  },
  scheduleSteps: {
    ...positiveInteger,
    nullable: true,
    describe:
      "number of steps that a schedule takes; set it if --resume will add epochs  [default: all steps of the run]",
    idle: ({ schedule }) =>
      shapeNamed(schedule).ends ? null : `the schedule ${shapeNamed(schedule).name} does not end`,
  },
  warmup: {
    type: "number",
    default: 0,
    range: { integer: true, min: 0 },
    describe: "number of first steps in which the learning rate rises from zero",
    idle: ({ schedule }) =>
      shapeNamed(schedule).rises ? `the schedule ${schedule} rises by itself` : null,
  },
} as const satisfies Options;

/** Declarations of the learning rate options. */
export const scheduleOptions = {
  ...everySchedule,
  ...shapeOptions,
};

/** Values of the learning rate options. */
export type ScheduleOptions = ValuesOf<typeof everySchedule> & ShapeOptions;

/** The learning rate over the steps. */
export interface Schedule {
  readonly name: ScheduleName;
  /** The highest learning rate. */
  readonly lr: number;
  /** Steps over which it rises linearly from zero. */
  readonly warmup: number;
  /** Steps that it takes; null if it does not end. */
  readonly steps: number | null;
  /** Values of its own options. */
  readonly options: ShapeValues;
}

/**
 * Returns the schedule for the options. Throws an InputError if one is out of range, or if the
 * schedule needs a number of steps and none is given.
 */
export function scheduleOf(given: GivenOptions): Schedule {
  const { lr, schedule, scheduleSteps, warmup } = valuesOf(everySchedule, given);
  const { ends, rises, options } = shapeNamed(schedule);
  if (ends && scheduleSteps === null)
    throw new InputError(`the schedule ${schedule} needs the number of steps; give scheduleSteps.`);
  return {
    ...{ name: schedule, lr, warmup: rises ? 0 : warmup, steps: ends ? scheduleSteps : null },
    options: valuesOf(options, given) as ShapeValues,
  };
}

/** Returns the learning rate of a step, counted from 1. */
export function rateAt(schedule: Schedule, step: number): number {
  const { name, lr, warmup, options } = schedule;
  if (step <= warmup) return (lr * step) / warmup;
  const { minLr = 0 } = options;
  return minLr + (lr - minLr) * shapeNamed(name).at(placeOf(schedule, step), options);
}

/** Whether the momentum changes from step to step. */
export const cyclesMomentum = ({ schedule, cycleMomentum = true }: GivenOptions): boolean =>
  cycleMomentum === true && shapeNamed(schedule).momentum !== undefined;

/** Returns the momentum of a step, counted from 1, if the schedule changes it. */
export const momentumAt = (schedule: Schedule, step: number): number | undefined =>
  shapeNamed(schedule.name).momentum?.(placeOf(schedule, step));

function placeOf({ warmup, steps }: Schedule, step: number) {
  const place = { step: step - 1 - warmup, steps: Math.max(1, (steps ?? 0) - warmup) };
  return { ...place, done: Math.min(1, place.step / place.steps) };
}
