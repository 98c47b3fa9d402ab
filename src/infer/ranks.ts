import { tensorOf } from "../graph/constants.ts";
import { type Graph, type Node, outputsOf, type Types, type Value } from "../graph/graph.ts";
import { walk } from "../graph/walk.ts";
import { isFloat } from "../onnx/dtypes.ts";
import type { Ort } from "../ort/session.ts";
import { sessionTypes } from "./session-types.ts";

/**
 * Marks floats as of unknown rank if onnxruntime's JavaScript API reports [] although they are not
 * scalars. Takes one session, or none if no value is reported as a scalar.
 */
export async function withRanks(ort: Ort, graph: Graph, types: Types): Promise<Types> {
  const known = (value: Value) => types.get(value) ?? null;
  const isScalar = (value: Value) => {
    const type = known(value);
    return isFloat(type?.dtype) && type?.shape?.length === 0;
  };
  const makers = graph.main.nodes.filter(
    (node) => node.op !== "Constant" && outputsOf(node).some(isScalar),
  );
  if (makers.length === 0) return types;
  // Inputs of unknown type, such as sequences, come with the nodes that make them.
  const unknown = ({ inputs }: Node) =>
    inputs.flatMap((value) =>
      value?.producer && !known(value) && !tensorOf(value) ? value.producer : [],
    );
  const scalars = makers.flatMap(outputsOf).filter(isScalar);
  const { ranks } = await sessionTypes(ort, known, [...walk(makers, unknown)], scalars);
  const open = scalars.filter((_, k) => ranks[k] !== 0);
  return new Map([
    ...types,
    ...open.map((value) => [value, { ...types.get(value)!, shape: null }] as const),
  ]);
}
