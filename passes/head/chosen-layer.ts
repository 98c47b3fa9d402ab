import { InputError } from "../../src/errors.ts";
import { nearest } from "../../src/nearest.ts";
import { matcher } from "../residuals/glob.ts";
import { type ClassObstacle, type ClassWay, followClasses } from "./follow-classes.ts";
import { type KnownGraph, type LinearLayer, linearLayers, namesOf } from "./linear-layer.ts";

/** A layer, and where its classes go. */
export interface ChosenLayer {
  readonly layer: LinearLayer;
  readonly way: ClassWay;
}

/** A layer, and the way of its classes or what stands in it. */
interface Followed {
  readonly layer: LinearLayer;
  readonly way: ClassWay | ClassObstacle;
}

/** Layers that are listed in a message. */
const LISTED = 5;

/**
 * Returns the last linear layer of a name. Throws an InputError if there is none, if it is not
 * before an output, or if several are.
 */
export function chosenLayer(known: KnownGraph, name: string, classes: number): ChosenLayer {
  const file = known.graph.file.source.name;
  const all = linearLayers(known).map((layer): Followed => {
    const { output, outputAxis, outputs } = layer;
    const sizes = { before: outputs, after: classes };
    return { layer, way: followClasses(known, { value: output, axis: outputAxis }, sizes) };
  });
  const glob = matcher([name])!;
  const exact = all.filter(({ layer }) => namesOf(layer).includes(name));
  const named =
    exact.length > 0
      ? exact
      : all.filter(({ layer }) =>
          namesOf(layer).some((each) => glob(each) || isWithin(each, name)),
        );
  const last = named.filter(isLast);
  if (last.length === 1) return last[0];
  if (last.length > 1)
    throw new InputError(
      `--new-head ${name} names ${last.length} last layers of ${file}: ${shown(last)}; name one of them.`,
    );
  if (named.length === 0) throw unknown(name, file, all);
  throw blocked(named.at(-1)!, all, file);
}

const isLast = (one: Followed): one is ChosenLayer => "axes" in one.way && one.way.reachesOutput;

/** Whether a dotted name begins or ends with the parts of another. */
const isWithin = (name: string, part: string) =>
  name.startsWith(`${part}.`) || name.endsWith(`.${part}`) || name.endsWith(`/${part}`);

const shown = (all: readonly Followed[]) =>
  all
    .slice(0, LISTED)
    .map(({ layer }) => `${namesOf(layer)[0]} (${layer.node.op} of ${layer.outputs})`)
    .join(", ");

function unknown(name: string, file: string, all: readonly Followed[]): InputError {
  const last = all.filter(isLast);
  if (all.length === 0)
    return new InputError(
      `--new-head ${name}: ${file} has no Gemm, MatMul or Conv with float weights of its own to replace.`,
    );
  const [near] = nearest(
    name,
    last.flatMap(({ layer }) => namesOf(layer)),
  );
  return new InputError(
    `--new-head ${name} names no linear layer of ${file}; ${
      near !== undefined
        ? `did you mean ${near}?`
        : last.length > 0
          ? `its last ones are ${shown(last)}.`
          : `it has ${shown(all.slice(-LISTED))}, none of which leads to an output alone.`
    }`.replace(/\?$/, "?"),
  );
}

/** Why a layer that is named cannot be replaced. */
function blocked({ layer, way }: Followed, all: readonly Followed[], file: string): InputError {
  const [title] = namesOf(layer);
  if (!("node" in way))
    return new InputError(`no output of ${file} is computed from ${title}; name another layer.`);
  const { node, why } = way;
  const next = all.find((other) => other.layer.node === node);
  const last = all.filter(isLast);
  return new InputError(
    `${title} of ${file} cannot get another number of classes: ${node.op} ${node.message.name || node.outputs[0]?.name} behind it ${why}; ${
      last.length > 0
        ? `the last layer is ${shown(last)}.`
        : next
          ? `name ${namesOf(next.layer)[0]}, which comes later.`
          : "give a model whose last linear layer is followed by activations and reshapes alone."
    }`,
  );
}
