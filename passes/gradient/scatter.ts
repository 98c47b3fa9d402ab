import { whereEqual } from "./indicators.ts";
import type { Cotangent, GradientNode } from "./rule.ts";

/** The positions that a scatter writes to. */
interface Places {
  /** Returns the current elements at these positions. */
  readonly read: (from: string) => string;
  /** Writes updates there, replacing or reducing the elements. */
  readonly put: (to: string, updates: string) => string;
  readonly write: (to: string, updates: string, reduction: string) => string;
}

/** Returns the cotangents of a scatter's data, indices and updates. */
export function scattered(
  at: GradientNode,
  x: string,
  updates: string,
  places: Places,
): Cotangent[] {
  const { g, write, text, shape, dtype, refuse } = at;
  const reduction = text("reduction", "none");
  if (reduction === "add") return [g, null, places.read(g)];
  if (reduction === "none")
    return [places.put(g, write.zeros(shape(2), dtype)), null, places.read(g)];
  if (reduction === "mul") return multiplied(at, x, updates, places);
  if (reduction === "max" || reduction === "min") return extremes(at, x, updates, places);
  return refuse(`its reduction is ${reduction}`);
}

/** y = x Π u: g Π u, and g x times the product of the other u; 0 if two of them are 0. */
function multiplied(
  { op, write, g, shape, dtype, scalar }: GradientNode,
  x: string,
  updates: string,
  places: Places,
): Cotangent[] {
  const ones = write.expand(scalar(1), [], shape(0));
  const product = places.write(ones, updates, "mul");
  const zero = op.Sub(scalar(1), op.Abs(write.sign(updates, dtype)));
  const safe = op.Add(updates, zero);
  const others = op.Div(places.read(places.write(ones, safe, "mul")), safe);
  const zeros = places.write(write.zeros(shape(0), dtype), zero, "add");
  const alone = op.Sub(scalar(1), write.sign(op.Sub(places.read(zeros), zero), dtype));
  const reached = op.Mul(places.read(op.Mul(g, x)), op.Mul(others, alone));
  return [op.Mul(g, product), null, reached];
}

/** The largest or smallest gets the cotangent; equal ones share it. */
function extremes(at: GradientNode, x: string, updates: string, places: Places): Cotangent[] {
  const { op, g, y } = at;
  const kept = whereEqual(at, x, y);
  const put = whereEqual(at, updates, places.read(y));
  const share = op.Div(g, places.write(kept, put, "add"));
  return [op.Mul(kept, share), null, op.Mul(put, places.read(share))];
}
