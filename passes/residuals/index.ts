import { closedSum } from "./closed-sum.ts";
import { differenceSum } from "./difference.ts";
import { plainSum } from "./plain-sum.ts";
import type { Form } from "./residual.ts";
import { biasAdd, skipNorm } from "./skip-norm.ts";

/** Every form in which a node holds a sum. */
export const forms: readonly Form[] = [plainSum, differenceSum, skipNorm, biasAdd, closedSum];
