import { type Check, type Laurelized, openModel, type Proof } from "laurelize";

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

/** Sites of which "it can learn" says that the output does not depend on them at these inputs. */
export function unfeltAt({ checks }: Proof): string[] {
  const check = checks.find(({ name }) => name === "it can learn");
  if (check?.outcome !== "not run") return [];
  const sites = /^the output does not depend on .* sites? \(([^)]*)\)/.exec(check.reason);
  return sites ? sites[1].split(", ") : [];
}

/** The result with the first such bytes of its file replaced by as many others. */
export async function overwritten(
  laurel: Laurelized,
  from: string | Uint8Array,
  to: string | Uint8Array,
): Promise<Laurelized> {
  const bytes = Buffer.from(laurel.model.toBytes());
  const at = bytes.indexOf(from);
  if (at < 0 || from.length !== to.length) throw new Error("there are no such bytes to overwrite");
  bytes.set(typeof to === "string" ? Buffer.from(to) : to, at);
  return { ...laurel, model: await openModel(bytes) };
}
