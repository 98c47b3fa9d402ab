import { InputError } from "../../src/errors.ts";
import { crossEntropy, distillation } from "./classes.ts";
import type { Loss } from "./loss.ts";
import { binaryCrossEntropy, cosine, l1, mse } from "./values.ts";

/** Every loss, in the order in which they are listed. */
export const losses: readonly Loss[] = [
  crossEntropy,
  binaryCrossEntropy,
  mse,
  l1,
  cosine,
  distillation,
];

/** The loss of this name; throws an InputError where there is none. */
export function lossNamed(name: string): Loss {
  const found = losses.find((loss) => loss.name === name);
  if (!found)
    throw new InputError(
      `there is no loss "${name}"; choose ${losses.map((loss) => loss.name).join(", ")}.`,
    );
  return found;
}
