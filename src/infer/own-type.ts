import { attribute, type Value } from "../graph/graph.ts";
import { type KnownType, typeOfTensor } from "../graph/types.ts";
import { dataType, dataTypeNamed } from "../onnx/dtypes.ts";
import { TYPE_ATTRIBUTES } from "./stand-in.ts";

/**
 * Returns the data type of a value in its own model if inference used a substitute: the type that
 * its node names, otherwise that of the first operand with the same inferred type. `held` are the
 * model's types before substitution.
 */
export function ownType(
  value: Value,
  reported: string,
  held: ReadonlySet<string>,
  known: KnownType,
): string {
  const others = [...held].filter((name) => dataTypeNamed(name)?.inferredAs === reported);
  if (others.length === 0) return reported;
  if (others.length === 1 && !held.has(reported)) return others[0];
  const { producer } = value;
  if (!producer) return reported;
  const candidates = new Set([...others, reported]);
  for (const name of TYPE_ATTRIBUTES) {
    const named = dataType(attribute(producer, name)?.i ?? 0)?.name;
    if (named && candidates.has(named)) return named;
  }
  // These take the type from one operand and everything else from another; the last one decides.
  const givesLast = producer.op === "CastLike" || producer.op === "QuantizeLinear";
  const operands = givesLast ? producer.inputs.slice(-1) : producer.inputs;
  const types = operands.map((input) => input && (typeOfTensor(input) ?? known(input))?.dtype);
  const made = typeOfTensor(value)?.dtype;
  return made ?? types.find((dtype) => dtype && candidates.has(dtype)) ?? reported;
}
