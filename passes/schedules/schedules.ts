import { type ChosenValues, optionsOfChosen } from "../../src/option-values.ts";
import { type Declared, type Options, positiveInteger } from "../../src/options.ts";

/** Where a training is after the warm-up. */
interface Place {
  /** Steps taken, and all steps; these are 1 if the schedule does not end. */
  readonly step: number;
  readonly steps: number;
  /** The share of steps taken, from 0 to 1. */
  readonly done: number;
}

/** Values of a schedule's own options, by name. */
export type ShapeValues = Readonly<Record<string, number>> & { readonly cycleMomentum?: boolean };

/** How the learning rate goes on after the warm-up. */
interface Shape {
  readonly name: string;
  /** Whether its steps must be known. */
  readonly ends: boolean;
  /** Whether it rises by itself, in place of the warm-up. */
  readonly rises?: true;
  readonly options: Options;
  /** Returns what of the learning rate is used, a factor from 0 to 1. */
  at(place: Place, options: ShapeValues): number;
  /** Returns the momentum, if it changes that too. */
  readonly momentum?: (place: Place) => number;
}

const minLr = {
  minLr: {
    type: "number",
    default: 0,
    range: { min: 0 },
    describe: "learning rate at the end of the decay",
  },
} as const satisfies Options;

/** Half a cosine, from one factor to another. */
const along = (from: number, to: number, done: number) =>
  to + ((from - to) * (1 + Math.cos(Math.PI * done))) / 2;

/** PyTorch's OneCycleLR: from a start to a turn after 30 % of the steps, and on to an end. */
const oneCycle =
  (start: number, turn: number, end: number) =>
  ({ step, steps }: Place): number => {
    const top = Math.max(0, 0.3 * steps - 1);
    if (step < top) return along(start, turn, step / top);
    return along(turn, end, Math.min(1, (step - top) / Math.max(1, steps - 1 - top)));
  };

/** Every schedule, as in PyTorch, in the order of listings; the first is the default. */
export const schedules = [
  { name: "constant", ends: false, options: {}, at: () => 1 },
  { name: "linear", ends: true, options: minLr, at: ({ done }) => 1 - done },
  { name: "cosine", ends: true, options: minLr, at: ({ done }) => along(1, 0, done) },
  {
    name: "polynomial",
    ends: true,
    options: {
      ...minLr,
      power: {
        type: "number",
        default: 1,
        range: { above: 0 },
        describe: "power of the share of steps that are left",
      },
    },
    at: ({ done }, { power }) => (1 - done) ** power,
  },
  {
    name: "step",
    ends: true,
    options: {
      decay: {
        type: "number",
        default: 0.1,
        range: { above: 0 },
        describe: "factor by which each decay multiplies the learning rate",
      },
      decayEvery: {
        ...positiveInteger,
        nullable: true,
        describe: "number of steps between decays  [default: a third of all]",
      },
    },
    at: ({ step, steps }, { decay, decayEvery }) =>
      decay ** Math.floor(step / (decayEvery ?? Math.max(1, steps / 3))),
  },
  {
    name: "one-cycle",
    ends: true,
    rises: true,
    options: {
      cycleMomentum: {
        type: "boolean",
        default: true,
        describe:
          "move the momentum of sgd, or the first beta of adamw, from 0.95 to 0.85 and back; --no-cycle-momentum leaves it",
      },
    },
    at: oneCycle(1 / 25, 1, 1 / 25e4),
    momentum: oneCycle(0.95, 0.85, 0.95),
  },
] as const satisfies readonly Shape[];

/** A schedule's name. */
export type ScheduleName = (typeof schedules)[number]["name"];

/** Values of all schedules' own options. */
export type ShapeOptions = ChosenValues<(typeof schedules)[number]>;

/** Returns a schedule by its name. */
export const shapeNamed = (name: unknown): Shape =>
  schedules.find((candidate) => candidate.name === name) ?? schedules[0];

/** Declarations of all schedules' own options. */
export const shapeOptions = optionsOfChosen("schedule", schedules) as Declared<ShapeOptions>;
