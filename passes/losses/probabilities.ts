import type { Builder } from "../../src/graph/builder.ts";

/** PyTorch's lower bound of ln p in binary_cross_entropy. */
const LEAST = -100;
/** The smallest p of each type whose logarithm is taken: a normal number. */
const SMALLEST: Readonly<Record<string, number>> = { float: 1e-37, double: Math.exp(LEAST) };

/** Writes ln p, or -100 if p is 0 or close to it. */
export function logOf({ op, to, constant }: Builder, p: string, dtype: string): string {
  const smallest = SMALLEST[dtype];
  const log = op.Log(to.atLeast(p, smallest, dtype));
  const missing = LEAST - Math.log(smallest);
  if (missing === 0) return log;
  const isSmall = to.cast(op.Less(p, constant(dtype, [], [smallest])), dtype);
  return op.Add(log, op.Mul(isSmall, constant(dtype, [], [missing])));
}

/** Writes the logit of p: the z whose sigmoid is p, limited to -100 to 100. */
export function logitOf(builder: Builder, p: string, dtype: string): string {
  const other = builder.op.Sub(builder.constant(dtype, [], [1]), p);
  return builder.op.Sub(logOf(builder, p, dtype), logOf(builder, other, dtype));
}
