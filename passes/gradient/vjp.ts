import { activations } from "./activations.ts";
import { arithmetic } from "./arithmetic.ts";
import { convolutions } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { fewBits } from "./few-bits.ts";
import { samplings } from "./grid-sample.ts";
import { places } from "./indexing.ts";
import { linearMaps } from "./linear-maps.ts";
import { normalizations } from "./normalization.ts";
import { throughs } from "./pass-through.ts";
import { poolings } from "./pooling.ts";
import { products } from "./products.ts";
import { quantizations } from "./quantization.ts";
import { reductions } from "./reductions.ts";
import { regions } from "./regions.ts";
import { resamplings } from "./resize.ts";
import type { VjpTable } from "./rule.ts";
import { shapes } from "./shapes.ts";

/** The vector-Jacobian products of all differentiable operators, by operator. */
export const vjp = {
  ...activations,
  ...arithmetic,
  ...convolutions,
  ...elementwise,
  ...fewBits,
  ...linearMaps,
  ...normalizations,
  ...places,
  ...poolings,
  ...products,
  ...quantizations,
  ...reductions,
  ...regions,
  ...resamplings,
  ...samplings,
  ...shapes,
  ...throughs,
} satisfies VjpTable;
