import { whereEqual } from "./indicators.ts";
import { productOfOthers } from "./reductions.ts";
import type { Cotangent, GradientNode } from "./rule.ts";

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

/** y = x Π u: g Π u, and g x times the product of the other u. */
function multiplied(at: GradientNode, x: string, updates: string, places: Places): Cotangent[] {
  const { op, write, g, shape, dtype, scalar } = at;
  const ones = write.expand(scalar(1), [], shape(0));
  const product = (v: string) => places.write(ones, v, "mul");
  const all = product(updates);
  const others = productOfOthers(at, updates, {
    product: (v) => places.read(product(v)),
    sum: (v) => places.read(places.write(write.zeros(shape(0), dtype), v, "add")),
  });
  return [op.Mul(g, all), null, op.Mul(places.read(op.Mul(g, x)), others)];
}

/** The largest or smallest gets the cotangent; equal ones share it. */
function extremes(at: GradientNode, x: string, updates: string, places: Places): Cotangent[] {
  const { op, g, y } = at;
  const kept = whereEqual(at, x, y);
  const put = whereEqual(at, updates, places.read(y));
  const share = op.Div(g, places.write(kept, put, "add"));
  return [op.Mul(kept, share), null, op.Mul(put, places.read(share))];
}
