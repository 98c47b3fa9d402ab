import { closedSum } from "./closed-sum.ts";
import { differenceSum } from "./difference.ts";
import { plainSum } from "./plain-sum.ts";
import type { Form } from "./residual.ts";
import { biasAdd, skipNorm } from "./skip-norm.ts";
import { stackedSum } from "./stacked-sum.ts";

/** Every form in which a node holds a sum. */
export const forms: readonly Form[] = [
  plainSum,
  differenceSum,
  stackedSum,
  skipNorm,
  biasAdd,
  closedSum,
];
