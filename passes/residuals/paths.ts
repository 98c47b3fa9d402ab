import { type Facts, factsByBits } from "./facts.ts";

/** The facts about paths, as bits. */
export const PATH_FACTS = {
  /** Some path passes learned weights that mix features. */
  mixed: 1,
  /** Some path passes a pool that mixes positions. */
  pooled: 2,
  /** Some path passes a nonlinear operator. */
  nonlinear: 4,
  /** Some path passes an operator that reduces a feature map. */
  reduced: 8,
  /** Every path passes an operator that enlarges a feature map. */
  upsampled: 16,
  /** Every path passes an operator that repeats positions, or one that reads repeated positions. */
  repeated: 32,
  /** Every path passes an Add of the value to what comes from it by other such Adds, or not at all. */
  injected: 64,
};

/** What lies on the paths from one value to another. */
export type Paths = Facts<typeof PATH_FACTS>;

/** Facts that several paths have together if each of them has. */
export const OF_EACH = PATH_FACTS.upsampled | PATH_FACTS.repeated | PATH_FACTS.injected;

/** Returns paths from the bits of their facts; the same bits give the same object. */
export const pathsByFacts = factsByBits(PATH_FACTS);
