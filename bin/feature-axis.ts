import type { FeatureAxis } from "../src/index.ts";
import { UsageError } from "./failure.ts";

/** Reads `--feature-axis`: one axis, or pairs of a glob over site names and an axis. */
export function parseFeatureAxis(text: string): FeatureAxis {
  if (/^-?\d+$/.test(text)) return Number(text);
  const axes: Record<string, number> = Object.create(null);
  let end = 0;
  for (const { 0: pair, 1: glob, 2: axis, index } of text.matchAll(/([^=]+)=(-?\d+)(?:,|$)/g)) {
    if (index !== end) break;
    axes[glob] ??= Number(axis);
    end = index + pair.length;
  }
  if (end === 0 || end < text.length)
    throw new UsageError(
      `--feature-axis ${text} must be an axis, such as 1 or -1, or patterns with an axis each, such as 'layer.*=3,head.*=1'.`,
    );
  return axes;
}
