import type { Tensor } from "onnxruntime-common";
import { number, object, objects, watching } from "../arguments.ts";
import { InputError } from "../errors.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { operatorsThat } from "../graph/operators.ts";
import { own } from "../graph/own.ts";
import { scopesOf } from "../graph/scopes.ts";
import { isFloat, type Types } from "../graph/types.ts";
import { elements } from "../onnx/dtypes.ts";
import { showShape } from "../onnx/shape.ts";
import type { Declared } from "../options.ts";
import { type Ort, reason, type Tensors } from "../ort/session.ts";
import { dtypeOf, numbersIn } from "../ort/tensors.ts";
import { type Attempt, attempts, fixedBeside, namedSizes } from "./attempts.ts";
import { comparedWith } from "./compared-values.ts";
import { filler } from "./random-inputs.ts";
import { sizeOf } from "./sizes.ts";

/** A user's settings for random inputs; they have no effect if the inputs are given. */
export interface SampleOptions {
  /** Sizes of free dimensions by name; an unnamed one is "input.axis". */
  readonly dims?: Readonly<Record<string, number>> | undefined;
  readonly seed?: number | undefined;
}

/** Declarations of the options for sample inputs. */
export const sampling: Declared<SampleOptions> = { dims: object, seed: number };

/** Declarations of the options for runs on sample inputs. */
export const runOptions = { ...sampling, ...watching, feeds: objects } as const;

/** Random inputs on which a model runs, and the sizes chosen for its free dimensions. */
export interface Samples {
  readonly feeds: readonly Tensors[];
  readonly dims: Readonly<Record<string, number>>;
}

/**
 * Returns a user's inputs as samples. Throws a TypeError of one sentence if there are none, or if a
 * set lacks an input.
 */
export function givenSamples({ main, file }: Graph, feeds: readonly Tensors[]): Samples {
  if (feeds.length === 0)
    throw new TypeError("feeds holds no inputs; give a set of tensors by name, or leave it out.");
  for (const [k, set] of feeds.entries())
    for (const { name } of main.inputs)
      if (!own(set, name)?.dims)
        throw new TypeError(
          `feeds[${k}] must hold a Tensor of onnxruntime for input ${name} of ${file.source.name}.`,
        );
  return { feeds, dims: {} };
}

/** Maximum number of draws for a set of inputs on which the model runs. */
const DRAWS = 6;
/** Maximum size in bytes of one set of random inputs. */
const LARGEST = 1 << 30;

/** A model that is to be run on random inputs. */
interface Sampled {
  readonly ort: Ort;
  readonly graph: Graph;
  readonly types: Types;
}

/**
 * Draws `count` sets of seeded random inputs. Shapes and types are the model's. Free dimensions and
 * the range of integers are chosen by trying `run` until the model accepts them. Floats are
 * positive if the outputs then contain fewer NaN, as with a logarithm. Throws an InputError with
 * onnxruntime's last message if no attempt succeeds.
 */
export async function sampleInputs(
  model: Sampled,
  run: Run,
  count: number,
  options: SampleOptions = {},
): Promise<Samples> {
  const { graph, types } = model;
  checkNames(graph, types, options);
  let last: unknown;
  const draw = drawer(model, options);
  const hasIntegers = graph.main.inputs.some(isInteger(types));
  const tried = new Set<string>();
  const sizes = new Set(fixedBeside(graph.main.inputs.map((input) => types.get(input)?.shape)));
  for (const attempt of attempts(sizes)) {
    const first = draw(attempt, 0);
    const key = JSON.stringify(first.dims) + (hasIntegers ? attempt.integers : "");
    if (tried.has(key)) continue;
    tried.add(key);
    let outputs: readonly Tensors[];
    try {
      outputs = await run(first.feeds);
    } catch (error) {
      last = error;
      if (attempt.size === undefined) for (const size of namedSizes(error)) sizes.add(size);
      continue;
    }
    const chosen = await withFewerNaN(draw, run, { attempt, feeds: first.feeds, outputs });
    const varied =
      hasVaryingSizes(graph) || graph.main.inputs.some((input) => varies(graph, types, input));
    return { feeds: await rounds(draw, run, { ...chosen, count, varied }), dims: first.dims };
  }
  throw new InputError(
    `${graph.file.source.name} does not run on any of the random inputs tried (${reason(last)}); give real inputs with --inputs, give sizes with --dim name=4, or pass --no-prove.`,
  );
}

/** An attempt on which the model runs. */
interface Accepted {
  readonly attempt: Attempt;
  readonly feeds: Tensors;
}

/** Returns positive inputs if the outputs then contain fewer NaN, otherwise the given ones. */
async function withFewerNaN(
  draw: Draw,
  run: Run,
  { attempt, feeds, outputs }: Accepted & { readonly outputs: readonly Tensors[] },
): Promise<Accepted> {
  const lost = withoutNumbers(outputs);
  if (lost === 0) return { attempt, feeds };
  const other: Attempt = { ...attempt, floats: "positive" };
  const positive = draw(other, 0).feeds;
  const better = await run(positive).catch(() => outputs);
  return withoutNumbers(better) < lost ? { attempt: other, feeds: positive } : { attempt, feeds };
}

/** Returns all sets of inputs; `varied` tries to take other branches of the model from set to set. */
async function rounds(
  draw: Draw,
  run: Run,
  {
    attempt,
    feeds,
    count,
    varied,
  }: Accepted & { readonly count: number; readonly varied: boolean },
): Promise<Tensors[]> {
  const all = [feeds];
  for (let round = 1; round < count; round++) {
    const turned = draw({ ...attempt, turn: round }, round).feeds;
    if (!varied || (await works(run, turned))) all.push(turned);
    else all.push((await another(draw, run, { attempt, round, count })) ?? feeds);
  }
  return all;
}

/** Returns another set of inputs on which the model runs; null if some draws find none. */
async function another(
  draw: Draw,
  run: Run,
  { attempt, round, count }: { attempt: Attempt; round: number; count: number },
): Promise<Tensors | null> {
  for (let k = 0; k < DRAWS; k++) {
    const { feeds } = draw({ ...attempt, turn: 0 }, round + k * count);
    if (await works(run, feeds)) return feeds;
  }
  return null;
}

const VARYING = operatorsThat("varying");

/** Whether values decide sizes inside a model, so that it may not run on all inputs. */
const hasVaryingSizes = (graph: Graph): boolean =>
  [...scopesOf(graph)].some(({ nodes }) => nodes.some(({ op }) => VARYING.has(op)));

/** Whether an input's values may decide which branch a model takes. */
const varies = (graph: Graph, types: Types, input: Value) =>
  types.get(input)?.dtype === "bool" || comparedWith(graph, input).length > 0;

type Run = (feeds: Tensors) => Promise<readonly Tensors[]>;

/** Returns how many floats of some outputs are NaN or infinite. */
const withoutNumbers = (outputs: readonly Tensors[]): number =>
  outputs
    .flatMap((tensors) => Object.values(tensors))
    .filter((tensor) => tensor.type !== "string" && isFloat(dtypeOf(tensor)))
    .reduce((sum, tensor) => {
      for (const number of numbersIn(tensor)) if (!Number.isFinite(number)) sum++;
      return sum;
    }, 0);

const works = (run: Run, feeds: Tensors) =>
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
  for (const [name, size] of Object.entries(dims ?? {})) {
    if (!Number.isSafeInteger(size) || size < 0)
      throw new InputError(`dimension ${name} must be an integer of at least 0 (got ${size}).`);
    if (!names.has(name))
      throw new InputError(
        `${graph.file.source.name} has no free dimension ${name}; it has ${[...names].join(", ") || "none"}.`,
      );
  }
}

/** Draws one set of inputs, and the sizes of its free dimensions. */
type Draw = (attempt: Attempt, round: number) => { feeds: Tensors; dims: Record<string, number> };

function drawer({ ort, graph, types }: Sampled, options: SampleOptions): Draw {
  const fill = filler({ ort, graph, types, seed: options.seed ?? 0 });
  const given = options.dims ?? {};
  return (attempt, round) => {
    const dims: Record<string, number> = Object.create(null);
    const feeds: Record<string, Tensor> = Object.create(null);
    let bytes = 0;
    for (const input of graph.main.inputs) {
      const type = types.get(input);
      if (!type?.shape)
        throw new InputError(
          `input ${input.name} is not a tensor of known rank; give inputs with --inputs.`,
        );
      const shape = type.shape.map((dim, axis) => {
        if (typeof dim === "number") return dim;
        const name = dim || `${input.name}.${axis}`;
        dims[name] ??= own(given, name) ?? sizeOf({ input, type, axis, name }, attempt, given);
        return dims[name];
      });
      bytes += elements(shape) * 8;
      if (shape.some((dim) => dim < 0) || bytes > LARGEST)
        throw new InputError(
          `input ${input.name} has shape ${showShape(shape)}, which is too large for random inputs; give --dim or --inputs.`,
        );
      feeds[input.name] = fill({ input, dtype: type.dtype, shape, attempt, round });
    }
    return { feeds, dims };
  };
}
