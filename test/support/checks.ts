import type { Check, Proof } from "laurelize";

type Made = Exclude<Check, { outcome: "not run" }>;

/** Names of the checks that came to this. */
export const checksThat = (outcome: Check["outcome"], { checks }: Proof) =>
  checks.filter((check) => check.outcome === outcome).map(({ name }) => name);

/** A check with its figures. Throws where it was not made. */
export function made<Name extends Check["name"]>(
  name: Name,
  { checks }: Proof,
): Extract<Made, { name: Name }> {
  const check = checks.find((each) => each.name === name);
  if (!check || check.outcome === "not run") throw new Error(`"${name}" was not made`);
  return check as Extract<Made, { name: Name }>;
}
