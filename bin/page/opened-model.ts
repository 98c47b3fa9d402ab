import {
  type FoundResiduals,
  isLaurelized,
  type Model,
  NoSiteError,
  rejectionJson,
  type Site,
} from "../../src/index.ts";
import { typeOfInfo } from "../../src/internal.ts";
import { headline, sums } from "../text.ts";
import { ladderDrawing } from "./drawings.ts";
import type { OpenedModel } from "./messages.ts";
import { STRIP } from "./strips.ts";

/** Returns what the page shows of a model and its residual connections. */
export function openedModel(model: Model, found: FoundResiduals): OpenedModel {
  const { name } = model.source;
  const already = isLaurelized(model);
  return {
    name,
    headline: headline(name, model),
    sums: sums(found, true),
    sites: found.sites.filter(({ kind }) => kind !== "laurel").map(rowOf),
    others: found.rejected.map((rejection) => {
      const { node, output, op, reason } = rejectionJson(rejection);
      return { name: node || output, op, reason };
    }),
    ladder: found.sites.length > 0 ? ladderDrawing(found, model) : "",
    warnings: found.warnings,
    isLaurelized: already,
    obstacle: already ? null : obstacleOf(found, name),
    readsStrips: readsStrips(model),
  };
}

/** Why nothing can be inserted, in the sentence of the command line. */
function obstacleOf(found: FoundResiduals, name: string): string | null {
  const free = found.sites.filter(({ kind }) => kind !== "laurel");
  return free.length === 0 ? new NoSiteError(found, name).message : null;
}

const rowOf = ({ name, shape, feature, stream }: Site) => ({
  name,
  about: `[${shape.map((dim) => dim || "?").join(", ")}], ${feature.size} features, stream ${stream}`,
});

/** Whether a model takes strips of 48 × 192 points as its only input x, and distinguishes two classes. */
function readsStrips({ file, graph }: Model): boolean {
  const shapeOf = (info: (typeof file.graph.inputs)[number] | undefined) =>
    (info && typeOfInfo(info)?.shape) || [];
  const names = graph.main.inputs.map(({ name }) => name);
  const { channels, height, width } = STRIP;
  const [, ...dims] = shapeOf(file.graph.inputs.find(({ name }) => name === "x"));
  const fits = [channels, height, width].every((size, k) => (fixed(dims[k]) ?? size) === size);
  const classes = file.graph.outputs.map((output) => shapeOf(output).at(-1));
  return names.join() === "x" && dims.length === 3 && fits && classes.join() === "2";
}

/** A dimension's size; undefined if it is free. */
const fixed = (dim: unknown): number | undefined =>
  typeof dim === "number" && dim > 0 ? dim : undefined;
