import type { Tensor } from "onnxruntime-common";
import { number, object, objects, watching } from "../arguments.ts";
import { InputError } from "../errors.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { own } from "../graph/own.ts";
import { isFloat, type Types } from "../graph/types.ts";
import { elements } from "../onnx/dtypes.ts";
import { showShape } from "../onnx/shape.ts";
import type { Declared } from "../options.ts";
import { type Ort, reason, type Tensors } from "../ort/session.ts";
import { dtypeOf, numbersIn } from "../ort/tensors.ts";
import { comparedWith } from "./compared-values.ts";
import { type Attempt, type Fill, filler } from "./random-inputs.ts";
import { sizeOf } from "./sizes.ts";

/** A user's settings for random inputs. */
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

/** Maximum number of sets of sizes that are tried. */
const STEPS = 8;
/** Maximum size in bytes of one set of random inputs. */
const LARGEST = 1 << 30;

/**
 * Draws `count` sets of seeded random inputs. Shapes and types are the model's. Free dimensions and
 * the range of integers are chosen by trying `run` until the model accepts them. Floats are
 * positive if the outputs then contain fewer NaN, as with a logarithm. Throws an InputError with
 * onnxruntime's last message if no attempt succeeds.
 */
export async function sampleInputs(
  ort: Ort,
  graph: Graph,
  types: Types,
  run: Run,
  count: number,
  options: SampleOptions = {},
): Promise<Samples> {
  checkNames(graph, types, options);
  let last: unknown;
  const fill = filler({ ort, graph, types, seed: options.seed ?? 0 });
  const tried = new Set<string>();
  for (let step = 0; step < STEPS; step++)
    for (const integers of ["bounded", "zeros", "ones"] as const) {
      let attempt: Attempt = { step, integers, floats: "normal", turn: 0 };
      let { feeds, dims } = make(graph, types, fill, attempt, 0, options);
      const key = JSON.stringify(dims) + (graph.main.inputs.some(isInteger(types)) ? integers : "");
      if (tried.has(key)) continue;
      tried.add(key);
      let got: readonly Tensors[];
      try {
        got = await run(feeds);
      } catch (error) {
        last = error;
        continue;
      }
      const lost = withoutNumbers(got);
      if (lost > 0) {
        const other: Attempt = { ...attempt, floats: "positive" };
        const made = make(graph, types, fill, other, 0, options);
        const better = await run(made.feeds).catch(() => got);
        if (withoutNumbers(better) < lost) [attempt, feeds] = [other, made.feeds];
      }
      const all = [feeds];
      for (let round = 1; round < count; round++) {
        const sample = (turn: number) =>
          make(graph, types, fill, { ...attempt, turn }, round, options).feeds;
        const varied = sample(round);
        const runs =
          !graph.main.inputs.some((input) => varies(graph, types, input)) ||
          (await works(run, varied));
        all.push(runs ? varied : sample(0));
      }
      return { feeds: all, dims };
    }
  throw new InputError(
    `${graph.file.source.name} runs on none of the sample inputs tried (${reason(last)}); give real ones with --inputs, sizes with --dim name=value, or pass --no-prove.`,
  );
}

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
  for (const name of Object.keys(dims ?? {}))
    if (!names.has(name))
      throw new InputError(
        `${graph.file.source.name} has no free dimension ${name}; it has ${[...names].join(", ") || "none"}.`,
      );
}

function make(
  graph: Graph,
  types: Types,
  fill: Fill,
  attempt: Attempt,
  round: number,
  options: SampleOptions,
) {
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
      dims[name] ??=
        own(options.dims ?? {}, name) ??
        sizeOf(input, type, axis, name, attempt.step, options.dims ?? {});
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
}
