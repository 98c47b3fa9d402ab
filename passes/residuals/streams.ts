import type { Node, Value } from "../../src/graph/graph.ts";
import { traits } from "./operators.ts";
import type { Setting, Site } from "./residual.ts";

/** A site before its place in a stream is known. */
export type Unplaced = Omit<Site, "stream" | "position">;

/**
 * Puts sites into streams. A site follows the one whose sum flows into its skip operand through
 * operators with a single computed input that keep the shape; any other begins a stream.
 */
export function inStreams(setting: Setting, sites: readonly Unplaced[]): Site[] {
  const placed = new Map<Value, Site>();
  let streams = 0;
  return sites.map((site) => {
    const before = previous(setting, site.skip.value, placed);
    const place = before
      ? { stream: before.stream, position: before.position + 1 }
      : { stream: streams++, position: 0 };
    const whole = { ...site, ...place };
    placed.set(site.output, whole);
    return whole;
  });
}

function previous(setting: Setting, skip: Value, placed: ReadonlyMap<Value, Site>): Site | null {
  const { constants, types } = setting;
  const shape = types.get(skip)?.shape?.join();
  let value = skip;
  for (;;) {
    const site = placed.get(value);
    if (site) return site;
    const before = setting.augmented.get(value);
    if (before) {
      value = before;
      continue;
    }
    const node: Node | null = value.producer;
    const inputs = [...new Set(node?.inputs)].filter((input) => input && !constants.has(input));
    const [input] = inputs;
    if (!node || inputs.length !== 1 || !input || traits(setting, node).mixer) return null;
    if (types.get(input)?.shape?.join() !== shape) return null;
    value = input;
  }
}
