import type { InferenceSession } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { tensorOf, typeOfTensor } from "../graph/constants.ts";
import {
  attribute,
  type Graph,
  type KnownType,
  type Node,
  outputsOf,
  type Types,
  type Value,
} from "../graph/graph.ts";
import { walk } from "../graph/walk.ts";
import { type Dimension, dataType, dataTypeNamed, isFloat, type Type } from "../onnx/dtypes.ts";
import { type Ort, withSession } from "../ort/session.ts";
import { isKernelLess, withKeptShapes } from "../ort/unsupported-operators.ts";
import { skeleton } from "./skeleton.ts";
import { inferable, TYPE_ATTRIBUTES } from "./stand-in.ts";

/**
 * Reads the types of some nodes' results, and the ranks of the `ranked` of these, from a session on
 * the nodes' skeleton. Throws if onnxruntime cannot create the session.
 */
export async function sessionTypes(
  ort: Ort,
  known: KnownType,
  nodes: readonly Node[],
  ranked: readonly Value[] = [],
): Promise<{ types: Map<Value, Type>; ranks: unknown[] }> {
  const types = new Map<Value, Type>();
  const stripped = skeleton(known, nodes, { shapesOf: ranked });
  if (stripped === null) throw new Error("the type of an input is not known");
  const model = nodes.some(isKernelLess) ? withKeptShapes(stripped.model) : stripped.model;
  const { title } = stripped;
  const read = (bytes: Uint8Array, named: (value: Value, reported: string) => string) =>
    withSession(oneThread(ort), { model: bytes, title }, "disabled", async (session) => {
      const metadata = outputMetadata(session);
      for (const [k, value] of stripped.outputs.entries()) {
        const type = typeOf(metadata[k]);
        if (type) types.set(value, { dtype: named(value, type.dtype), shape: type.shape });
      }
      const ranks = metadata
        .slice(stripped.outputs.length)
        .map((shape) => typeOf(shape)?.shape?.[0]);
      return { types, ranks };
    });
  try {
    return await read(model, (_, reported) => reported);
  } catch (thrown) {
    // onnxruntime has few kernels for bfloat16 and does not report float8, so these shapes are
    // those of substitute types.
    const other = inferable(model);
    if (!other) throw thrown;
    const type = (value: Value) => types.get(value) ?? known(value);
    return read(other.model, (value, reported) => ownType(value, reported, other.held, type));
  }
}

/** The runtime whose sessions, which never run, start no threads. */
const oneThread = (ort: Ort): Ort => ({
  ...ort,
  sessionOptions: { ...ort.sessionOptions, intraOpNumThreads: 1 },
});

type Metadata = { isTensor: boolean; type?: string; shape?: readonly (number | string | bigint)[] };

function outputMetadata(session: InferenceSession): readonly Metadata[] {
  const { outputMetadata } = session as unknown as { outputMetadata?: readonly Metadata[] };
  if (!outputMetadata)
    throw new InputError(
      "this onnxruntime does not report the types of outputs; use 1.22 or newer.",
    );
  return outputMetadata;
}

/** Sizes from this one on are unknown: onnxruntime-web reports -1 as 4294967295. */
const UNKNOWN_SIZE = 2 ** 31;

function typeOf({ isTensor, type, shape }: Metadata): Type | null {
  const dtype = isTensor ? dataTypeNamed(type ?? "")?.name : undefined;
  return dtype ? { dtype, shape: shape?.map(sizeReported) ?? null } : null;
}

/** Returns a dimension as a runtime reports it; an impossible size is unknown. */
function sizeReported(dim: number | string | bigint): Dimension {
  const size = Number(dim);
  if (dim === "" || Number.isNaN(size)) return String(dim);
  if (!(size >= 0 && size < UNKNOWN_SIZE)) return "";
  return typeof dim === "string" ? dim : size;
}

/**
 * Returns the data type of a value in its own model if inference used a substitute. It is the type
 * that its node names, or that of the first operand with the same inferred type. `held` are the
 * model's types before substitution.
 */
function ownType(
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
