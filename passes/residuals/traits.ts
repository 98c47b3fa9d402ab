import { type Facts, factsByBits } from "./facts.ts";

/** An operator's roles in a residual connection, as bits. */
export const TRAITS = {
  /** Keeps the value, at other positions or in another float type. */
  layout: 1,
  /** Multiplies the value by a constant. */
  scale: 2,
  /** Mixes features with learned weights. */
  mixer: 4,
  /** Mixes positions without weights, keeping the shape (PoolFormer, FNet). */
  pooling: 8,
  /** May be on a projected skip: a linear operator, a norm or a pool. */
  projection: 16,
  /** Is nonlinear; a layout operator may be, too. */
  nonlinear: 32,
  /** Enlarges a feature map. */
  upsampling: 64,
  /** Reduces a feature map. */
  reducing: 128,
  /** Repeats the positions of its operand. */
  repeating: 256,
  /** Spreads a single position or feature over all. */
  spreading: 512,
};

/** An operator's roles in a residual connection. */
export type Traits = Facts<typeof TRAITS>;

/** Returns traits from their bits; the same bits give the same object. */
export const traitsByBits = factsByBits(TRAITS);
