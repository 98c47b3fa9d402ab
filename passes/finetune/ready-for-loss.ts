import { InputError } from "../../src/errors.ts";
import { called, type Types, titleOf, type Value } from "../../src/graph/graph.ts";
import type { Patch } from "../../src/graph/patch-contents.ts";
import { patched } from "../../src/model.ts";
import { showShape } from "../../src/onnx/dtypes.ts";
import type { Ort } from "../../src/ort/session.ts";
import { plainBetween } from "../gradient/prepare.ts";
import { type Specialized, specialize } from "../gradient/specialize.ts";
import { callsBehind } from "../losses/final-activation.ts";
import { inlined } from "../lower/inline.ts";
import type { OutputForLoss } from "./output-for-loss.ts";

type Find = (specialized: Specialized) => readonly OutputForLoss[];

/**
 * Returns a model on whose outputs, which `find` finds, losses can be written. Calls of the model's
 * own functions that make them become their bodies, so that an activation inside is seen. If the size
 * of one is not known, all between the `trained` weights and the outputs is lowered: inference knows
 * no size behind a Loop before its iterations are written out. Throws an InputError if it is not
 * known then either.
 */
export async function readyForLoss(
  given: Specialized,
  ort: Ort,
  find: Find,
  trained: readonly string[],
): Promise<Specialized> {
  let open = given;
  for (let patch = withoutCalls(given, find); patch; patch = withoutCalls(open, find))
    open = await specialize(await patched(open.model.graph, patch), ort, { free: trained });
  const outputs = find(open).map(({ value }) => value);
  if (outputs.every((output) => freeDimension(open.types, output) === null)) return open;
  const plain = await plainBetween(open.model, ort, {
    from: trained,
    to: () => outputs.map(({ name }) => name),
  });
  for (const { value } of find(plain)) {
    const free = freeDimension(plain.types, value);
    if (free === null) continue;
    const [reason] = plain.reasons;
    const why = reason
      ? `${titleIn(plain, reason[0])} cannot be lowered into plain operators (${reason[1]})`
      : `${unknownFrom(plain)}check --batch-axis, and that the arrays fit together`;
    throw new InputError(
      `the size of output ${value.name} cannot be inferred${free ? ` along ${free}` : ""} from those of the inputs: ${why}.`,
    );
  }
  return plain;
}

/** Returns a patch that inlines the calls that make the outputs; null if there is none. */
function withoutCalls(given: Specialized, find: Find): Patch | null {
  const calls = new Set(find(given).flatMap(({ value }) => callsBehind(value)));
  const written = calls.size > 0 && inlined(given.model.graph, (node) => calls.has(node));
  return written ? written.patch : null;
}

/** A node with its operator, by its name. */
function titleIn({ model }: Specialized, name: string): string {
  const node = model.graph.main.nodes.find((candidate) => called(candidate) === name);
  return node ? titleOf(node) : name;
}

/** Names the first node whose output has no known size though its inputs have, a clause; or nothing. */
function unknownFrom({ model, types }: Specialized): string {
  const shapeOf = (value: Value | null) => (value ? (types.get(value)?.shape ?? null) : []);
  const isKnown = (value: Value | null) =>
    shapeOf(value)?.every((dim) => typeof dim === "number") ?? false;
  const first = model.graph.main.nodes.find(
    ({ inputs, outputs: [output] }) =>
      !isKnown(output) &&
      (output?.uses.length ?? 0) > 0 &&
      inputs.length > 0 &&
      inputs.every(isKnown),
  );
  if (!first) return "";
  const shapes = first.inputs.map((input) => showShape(shapeOf(input)));
  return `${titleOf(first)} takes ${shapes.join(" and ")}, and the size of its result is not known; `;
}

/** The name of a dimension of unknown size; null if there is none, or no shape at all. */
const freeDimension = (types: Types, output: Value): string | null =>
  types.get(output)?.shape?.find((dim) => typeof dim === "string") ?? null;
