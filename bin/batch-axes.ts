import { InputError } from "../src/index.ts";

/** Reads `--batch-axis h0=1` and `timestep=none`: axes by name, null for none. */
export function parseBatchAxes(given: readonly string[] = []): Record<string, number | null> {
  const axes: Record<string, number | null> = Object.create(null);
  for (const text of given.flatMap((each) => each.split(","))) {
    const [, name, axis] = /^(.+)=(\d+|none)$/.exec(text) ?? [];
    if (!name) throw new InputError(`--batch-axis ${text} must have the form name=1 or name=none.`);
    axes[name] = axis === "none" ? null : Number(axis);
  }
  return axes;
}
