import { tensorOf } from "../graph/constants.ts";
import type { Graph, KnownType, Node, Types, Value } from "../graph/graph.ts";
import { walk } from "../graph/walk.ts";
import { isFloat, type Type } from "../onnx/dtypes.ts";
import type { Ort } from "../ort/session.ts";
import { sessionTypes } from "./session-types.ts";

/**
 * Marks floats as of unknown rank if onnxruntime's JavaScript API reports [] although they are not
 * scalars. Takes one session, or none if no value is reported as a scalar.
 */
export async function withRanks(ort: Ort, graph: Graph, types: Types): Promise<Types> {
  const scalars = graph.main.nodes.flatMap(({ op, outputs }) =>
    outputs.filter((value): value is Value => {
      const type = value ? types.get(value) : undefined;
      return op !== "Constant" && isFloat(type?.dtype) && type?.shape?.length === 0;
    }),
  );
  if (scalars.length === 0) return types;
  const known = (value: Value) => types.get(value) ?? null;
  const nodes = withUnknown(
    scalars.map(({ producer }) => producer!),
    known,
  );
  const { ranks } = await sessionTypes(ort, known, nodes, scalars);
  const unknown = scalars.filter((_, k) => ranks[k] !== 0);
  const open = unknown.map((value): [Value, Type] => [
    value,
    { ...types.get(value)!, shape: null },
  ]);
  return new Map([...types, ...open]);
}

/** Returns these nodes, and the nodes that make their inputs of unknown type, such as sequences. */
const withUnknown = (nodes: readonly Node[], known: KnownType): Node[] => [
  ...walk(nodes, ({ inputs }) =>
    inputs.flatMap((value) =>
      value?.producer && !known(value) && !tensorOf(value) ? value.producer : [],
    ),
  ),
];
