import { InputError } from "../../src/errors.ts";
import { adamw } from "./adamw.ts";
import type { Optimizer } from "./optimizer.ts";
import { sgd } from "./sgd.ts";

/** Every optimizer, in the order in which they are listed. */
export const optimizers: readonly Optimizer[] = [adamw, sgd];

/** The optimizer of this name; throws an InputError where there is none. */
export function optimizerNamed(name: string): Optimizer {
  const found = optimizers.find((optimizer) => optimizer.name === name);
  if (!found)
    throw new InputError(
      `there is no optimizer "${name}"; choose ${optimizers.map((each) => each.name).join(", ")}.`,
    );
  return found;
}
