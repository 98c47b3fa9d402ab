import { valueOptions } from "./counted-values.ts";
import { type LossInputs, type LossTensor, type LossWriter, values } from "./loss.ts";

/** What losses of yes/no targets share. */
export const binary = {
  options: { ...valueOptions, values },
  reads: () => "shares" as const,
  looksThrough: ["Sigmoid"] as const,
};

/** ln(1 + eᶻ); of doubles, which onnxruntime's Softplus does not take, max(z, 0) + ln(1 + e^−|z|). */
export function softplus({ op, to, number }: LossWriter, { name, dtype }: LossTensor): string {
  if (dtype !== "double") return op.Softplus(name);
  const small = op.Exp(op.Neg(op.Abs(name)));
  return op.Add(to.atLeast(name, 0, dtype), op.Log(op.Add(small, number(1))));
}

/** Writes 1 where logit and target are on the same side, otherwise 0. */
export function agreeing({ op, to, number, output }: Omit<LossInputs, "options">, target: string) {
  const yes = (x: string, above: number) => op.Greater(x, number(above));
  return to.cast(op.Equal(yes(output.name, 0), yes(target, 0.5)), output.dtype);
}
