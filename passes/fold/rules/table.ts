import { scaleConvolutions, scalePooling } from "./convolution.ts";
import { scaleActivations, scaleElementwise } from "./elementwise.ts";
import { scaleLayout } from "./layout.ts";
import { scaleNormalizations } from "./normalization.ts";
import { scaleProducts } from "./products.ts";
import type { ScaleTable } from "./rule.ts";

/** How a factor goes through every operator that does not block it, by its name. */
export const scaleRules: ScaleTable = {
  ...scaleActivations,
  ...scaleConvolutions,
  ...scaleElementwise,
  ...scaleLayout,
  ...scaleNormalizations,
  ...scalePooling,
  ...scaleProducts,
};
