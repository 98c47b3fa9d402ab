import type { InferenceSession, Tensor } from "onnxruntime-common";
import { uniqueNames } from "../graph/builder.ts";
import { patchedBytes } from "../graph/patch.ts";
import { plainNode } from "../onnx/new-node.ts";
import { openBytes } from "../onnx/open-file.ts";
import { contentOf } from "../onnx/source.ts";

const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));

/**
 * Whether onnxruntime's JavaScript API confuses an output of this name with a property that every
 * object inherits: constructor, toString, __proto__.
 */
export const isUnnameable = (name: string) => INHERITED.has(name);

/** Renames outputs with unnameable names. Returns the model, and the new names by the old ones. */
export function withOtherNames(model: Uint8Array) {
  const file = openBytes(model);
  const { graph } = file;
  const taken = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  for (const { name } of graph.inputs) taken.add(name);
  const fresh = uniqueNames(taken);
  const names = new Map<string, string>();
  for (const { name } of graph.outputs)
    if (isUnnameable(name)) names.set(name, fresh(`output ${name}`));
  const { source } = patchedBytes(file, {
    nodes: [...names].map(([name, other]) => ({
      before: null,
      node: plainNode("Identity", [name], [other]),
    })),
    untold: [...names.keys()],
    outputs: [...names].map(([before, name]) => ({
      name,
      type: null,
      index: graph.outputs.findIndex((output) => output.name === before),
    })),
  });
  return { model: contentOf(source), names };
}

/** Wraps a session so that its results have the original names. */
export function withNamesAgain(session: InferenceSession, names: ReadonlyMap<string, string>) {
  const before = new Map([...names].map(([name, other]) => [other, name]));
  const own = (name: string) => before.get(name) ?? name;
  const run = async (feeds: Record<string, Tensor>, asked?: readonly string[]) => {
    const wanted = (asked ?? outputNames).map((name) => names.get(name) ?? name);
    const got = await session.run(feeds, wanted);
    return Object.fromEntries(Object.entries(got).map(([name, tensor]) => [own(name), tensor]));
  };
  const outputNames = session.outputNames.map(own);
  const { inputNames, inputMetadata, outputMetadata } = session;
  const release = () => session.release();
  const named = { inputNames, outputNames, inputMetadata, outputMetadata, run, release };
  return named as unknown as InferenceSession;
}
