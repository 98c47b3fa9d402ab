import type { Tensor } from "onnxruntime-common";
import { attribute, type Graph, type Value } from "../graph/graph.ts";
import { own } from "../graph/own.ts";
import { uniform } from "../graph/random.ts";
import { encodeNumbers } from "../graph/tensor.ts";
import { isFloat, showShape, type Type, type Types } from "../graph/types.ts";
import { elements } from "../onnx/data-types.ts";
import { InputError } from "../onnx/source.ts";
import { CARRIERS, comparedWith } from "./compared.ts";
import { tensorOfBytes } from "./floats.ts";
import { type Ort, reason, type Tensors } from "./session.ts";
import { sizeOf } from "./sizes.ts";

/** What a user may say of the inputs that are made up. */
export interface SampleOptions {
  /** Sizes of free dimensions by name; an unnamed one is "input.axis". */
  readonly dims?: Readonly<Record<string, number>> | undefined;
  readonly seed?: number | undefined;
}

/** Made-up inputs on which a model runs, and the sizes chosen for its free dimensions. */
export interface Samples {
  readonly feeds: readonly Tensors[];
  readonly dims: Readonly<Record<string, number>>;
}

/** One thing to try: which candidate of each dimension's ladder, and how large integers are. */
interface Attempt {
  readonly step: number;
  readonly integers: "bounded" | "zeros" | "ones";
  /** Which way a model is sent that branches on its inputs. */
  readonly turn: number;
}

/** How many sets of sizes are tried. */
const STEPS = 8;
/** Bytes of one made-up input. */
const LARGEST = 1 << 30;

/**
 * Makes `count` sets of seeded inputs. Shapes and types are the model's; free dimensions, and the
 * range of integers, are chosen by trying `run` until the model takes them. Throws an InputError
 * with what onnxruntime said last where it never does.
 */
export async function sampleInputs(
  ort: Ort,
  graph: Graph,
  types: Types,
  run: (feeds: Tensors) => Promise<unknown>,
  count: number,
  options: SampleOptions = {},
): Promise<Samples> {
  checkNames(graph, types, options);
  let last: unknown;
  const tried = new Set<string>();
  for (let step = 0; step < STEPS; step++)
    for (const integers of ["bounded", "zeros", "ones"] as const) {
      const attempt = { step, integers, turn: 0 };
      const { feeds, dims } = make(ort, graph, types, attempt, 0, options);
      const key = JSON.stringify(dims) + (graph.main.inputs.some(isInteger(types)) ? integers : "");
      if (tried.has(key)) continue;
      tried.add(key);
      try {
        await run(feeds);
      } catch (error) {
        last = error;
        continue;
      }
      const all = [feeds];
      for (let round = 1; round < count; round++) {
        const sample = (turn: number) =>
          make(ort, graph, types, { ...attempt, turn }, round, options).feeds;
        const varied = sample(round);
        const runs =
          !graph.main.inputs.some((input) => varies(graph, types, input)) ||
          (await works(run, varied));
        all.push(runs ? varied : sample(0));
      }
      return { feeds: all, dims };
    }
  throw new InputError(
    `${graph.file.source.name} runs on none of the sample inputs tried (${reason(last)}); give real ones with --inputs, sizes with --dim name=value, or pass --no-verify.`,
  );
}

/** Whether an input's values may decide on the branches that a model takes. */
const varies = (graph: Graph, types: Types, input: Value) =>
  types.get(input)?.dtype === "bool" || comparedWith(graph, input).length > 0;

const works = (run: (feeds: Tensors) => Promise<unknown>, feeds: Tensors) =>
  run(feeds).then(
    () => true,
    () => false,
  );

const isInteger = (types: Types) => (value: Value) => !isFloat(types.get(value)?.dtype);

function checkNames(graph: Graph, types: Types, { dims }: SampleOptions): void {
  const names = new Set(
    graph.main.inputs.flatMap((input) =>
      (types.get(input)?.shape ?? []).flatMap((dim, axis) =>
        typeof dim === "number" ? [] : [dim || `${input.name}.${axis}`],
      ),
    ),
  );
  for (const name of Object.keys(dims ?? {}))
    if (!names.has(name))
      throw new InputError(
        `${graph.file.source.name} has no free dimension ${name}; it has ${[...names].join(", ") || "none"}.`,
      );
}

function make(
  ort: Ort,
  graph: Graph,
  types: Types,
  attempt: Attempt,
  round: number,
  options: SampleOptions,
) {
  const dims: Record<string, number> = Object.create(null);
  const feeds: Record<string, Tensor> = {};
  for (const input of graph.main.inputs) {
    const type = types.get(input);
    if (!type?.shape)
      throw new InputError(
        `input ${input.name} is no tensor of a known rank; give inputs with --inputs.`,
      );
    const shape = type.shape.map((dim, axis) => {
      if (typeof dim === "number") return dim;
      const name = dim || `${input.name}.${axis}`;
      dims[name] ??=
        own(options.dims ?? {}, name) ??
        sizeOf(input, type, axis, name, attempt.step, options.dims ?? {});
      return dims[name];
    });
    if (shape.some((dim) => dim < 0) || elements(shape) * 8 > LARGEST)
      throw new InputError(
        `input ${input.name} has the shape ${showShape(shape)}, too large to make up; give --dim or --inputs.`,
      );
    feeds[input.name] = fill(
      ort,
      graph,
      types,
      input,
      type,
      shape,
      attempt,
      round,
      options.seed ?? 0,
    );
  }
  return { feeds, dims };
}

function fill(
  ort: Ort,
  graph: Graph,
  types: Types,
  input: Value,
  { dtype }: Type,
  shape: number[],
  attempt: Attempt,
  round: number,
  seed: number,
): Tensor {
  const next = uniform(seed + round, input.name);
  const count = elements(shape);
  const mask = /mask/i.test(input.name);
  if (dtype === "string") return new ort.Tensor("string", new Array(count).fill("a"), shape);
  if (isFloat(dtype)) {
    const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    return tensorOfBytes(
      ort,
      dtype,
      encodeNumbers(
        dtype,
        Float64Array.from({ length: count }, () => (mask ? 1 : normal())),
      ),
      shape,
    );
  }
  const high =
    mask || attempt.integers === "ones"
      ? 0
      : attempt.integers === "zeros"
        ? 1
        : bound(types, input);
  const named = count === 1 && attempt.integers === "bounded" ? comparedWith(graph, input) : [];
  const value = () => named[attempt.turn] ?? (high === 0 ? 1 : Math.floor(next() * high));
  if (dtype === "bool")
    return new ort.Tensor(
      "bool",
      Array.from({ length: count }, () => mask || attempt.turn % 2 === 0),
      shape,
    );
  const numbers = Float64Array.from({ length: count }, value);
  const bytes = encodeNumbers("int64", numbers);
  if (dtype === "int64" || dtype === "uint64") return tensorOfBytes(ort, dtype, bytes, shape);
  const narrow = {
    int32: Int32Array,
    uint32: Uint32Array,
    int16: Int16Array,
    uint16: Uint16Array,
    int8: Int8Array,
    uint8: Uint8Array,
  }[dtype];
  if (!narrow)
    throw new InputError(
      `input ${input.name} of ${graph.file.source.name} is of type ${dtype}, which is not made up; give --inputs.`,
    );
  const array = narrow.from(numbers);
  return tensorOfBytes(ort, dtype, new Uint8Array(array.buffer), shape);
}

const UNBOUNDED = 100;

/** One more than the largest integer an input may hold, as the tables it indexes tell. */
function bound(types: Types, input: Value): number {
  let least = Infinity;
  const pending = [input];
  const seen = new Set<Value>();
  for (let value = pending.pop(); value && seen.size < 1000; value = pending.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    for (const { node, index } of value.uses) {
      if (node.op === "Gather" && index === 1 && node.inputs[0]) {
        const table = types.get(node.inputs[0])?.shape;
        const axis = attribute(node, "axis")?.i ?? 0;
        const size = table?.[axis < 0 ? axis + table.length : axis];
        if (typeof size === "number") least = Math.min(least, size);
      }
      if (CARRIERS.has(node.op)) pending.push(...node.outputs.filter((output) => output !== null));
    }
  }
  return least === Infinity ? UNBOUNDED : least;
}
