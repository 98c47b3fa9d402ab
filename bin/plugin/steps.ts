import { putting } from "../../passes/adapter/adapter-options.ts";
import { inserting } from "../../passes/laurelize/insert-options.ts";
import { dashed, type Option } from "../../src/options.ts";
import { again, proving } from "../commands/laurelize.ts";
import { dim, finding, inputs, runInputs, timeout, trustLinks } from "../commands/options.ts";

/** A step that an import asks for by name, and the command that does it. */
interface ImportStep {
  /** "laurelize", "apply" or "fold". */
  readonly command: string;
  /** The command's option that the name's own value sets: the variant in `?laurel=rw`. */
  readonly value: string | null;
  /** The command's options that an import may set, by their names on the command line. */
  readonly options: Readonly<Record<string, Option>>;
}

/** Every step by its name, in the order in which they are done. */
export const steps = {
  laurel: {
    command: "laurelize",
    value: "variant",
    options: byDashes({
      ...inserting,
      ...finding,
      ...dim(),
      ...inputs("the proof"),
      ...proving,
      ...again,
      ...timeout,
      ...trustLinks,
    }),
  },
  adapter: {
    command: "apply",
    value: null,
    options: byDashes({ ...putting, ...timeout, ...trustLinks }),
  },
  fold: {
    command: "fold",
    value: null,
    options: byDashes({ ...runInputs("the proof"), ...timeout, ...trustLinks }),
  },
} as const satisfies Readonly<Record<string, ImportStep>>;

/** The name of a step. */
export type StepName = keyof typeof steps;

/** The names of all steps, in order. */
export const stepNames = Object.keys(steps) as StepName[];

/** Options whose values are paths; a relative one is taken from the model's folder. */
export const PATHS: ReadonlySet<string> = new Set(["adapter", "inputs"]);

function byDashes(options: Readonly<Record<string, object>>): Record<string, Option> {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [dashed(name), option as Option]),
  );
}
