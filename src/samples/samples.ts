import { number, object, objects, watching } from "../arguments.ts";
import { InputError, tried } from "../errors.ts";
import { listed } from "../figures.ts";
import { tensorOf } from "../graph/constants.ts";
import { attribute, type Graph, type Node, readsOf, type Value } from "../graph/graph.ts";
import { hasFact } from "../graph/operators.ts";
import { own } from "../graph/own.ts";
import { graphNodes } from "../graph/scopes.ts";
import { sourcesOf, walk } from "../graph/walk.ts";
import { isFloat, showShape } from "../onnx/dtypes.ts";
import type { Declared } from "../options.ts";
import type { Watching } from "../ort/abortable.ts";
import { failedNode, namedSizes, reason } from "../ort/messages.ts";
import type { Tensors } from "../ort/session.ts";
import { notFiniteIn } from "../ort/tensors.ts";
import { comparedWith } from "./accepted.ts";
import { type Attempt, fixedBeside, type Sampled, type Sizing, sizings } from "./attempts.ts";
import { type Draw, type Drawn, drawer, type SampleOptions } from "./draw.ts";

/** Declarations of the options for sample inputs. */
export const sampling: Declared<SampleOptions> = { dims: object, seed: number };

/** How a model is run: on a user's inputs, or on random ones. */
export interface RunOptions extends SampleOptions, Watching {
  /** Inputs to use instead of random ones, each a set of tensors by name. */
  readonly feeds?: readonly Tensors[] | undefined;
}

/** Declarations of the options for runs. */
export const runOptions = { ...sampling, ...watching, feeds: objects } as const;

/** Random inputs on which a model runs, and the sizes chosen for its free dimensions. */
export interface Samples {
  readonly feeds: readonly Tensors[];
  readonly dims: Readonly<Record<string, number>>;
}

/** Returns a user's inputs as samples. Throws a TypeError if there are none or one is lacking. */
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

/** Runs a model on inputs; throws if it does not accept them. */
type RunOn = (feeds: Tensors) => Promise<readonly Tensors[]>;

/** Maximum number of draws for a set of inputs on which the model runs. */
const DRAWS = 6;

/**
 * Draws `count` sets of seeded random inputs. Shapes and types are the model's. Free dimensions and
 * the range of integers are chosen by trying `run` until the model accepts them. Floats are
 * positive if the outputs then contain fewer NaN, as with a logarithm. Throws an InputError with
 * onnxruntime's last message if no attempt succeeds.
 */
export async function sampleInputs(
  model: Sampled,
  run: RunOn,
  count: number,
  options: SampleOptions = {},
): Promise<Samples> {
  const { graph, types } = model;
  const draw = drawer(model, options);
  const { dims, ...first } = await accepted(model, draw, run);
  const chosen = await withFewerNaN(draw, run, first);
  const choosesBranch = (input: Value) =>
    types.get(input)?.dtype === "bool" || comparedWith(input).length > 0;
  // If values decide sizes inside a model, it may not run on all inputs.
  const sizesVary = graphNodes(graph).some(({ op }) => hasFact(op, "varying"));
  const varied = sizesVary || graph.main.inputs.some(choosesBranch);
  return { feeds: await rounds(draw, run, { ...chosen, count, varied }), dims };
}

/** Inputs on which a model runs, its outputs, and the sizes chosen for its free dimensions. */
interface Accepted extends Drawn, Pick<Samples, "dims"> {
  readonly outputs: readonly Tensors[];
}

/**
 * Returns the first inputs on which a model runs, of all sizes and integers that are tried. Throws
 * an InputError with onnxruntime's last message if there are none.
 */
async function accepted(model: Sampled, draw: Draw, run: RunOn): Promise<Accepted> {
  const { inputs } = model.graph.main;
  const types = inputs.map((input) => model.types.get(input));
  const hasIntegers = types.some((type) => !isFloat(type?.dtype));
  const batched = inputs.filter((_, k) => typeof types[k]?.shape?.[0] === "string");
  const seen = new Set<string>();
  const named = new Set(fixedBeside(types.map((type) => type?.shape)));
  let last: unknown;
  const tryInputs = async (attempt: Attempt): Promise<Accepted | null> => {
    // Other sizes than the first may be too large.
    const drawn = seen.size === 0 ? draw(attempt, 0) : tried(() => draw(attempt, 0));
    if (!drawn) return null;
    const { feeds, dims } = drawn;
    const shapes = Object.values(feeds).map((tensor) => tensor.dims);
    const key = JSON.stringify([shapes, hasIntegers && attempt.integers]);
    if (seen.has(key)) return null;
    seen.add(key);
    try {
      return { attempt, feeds, dims, outputs: await run(feeds) };
    } catch (error) {
      last = error;
      for (const size of namedSizes(error)) named.add(size);
      return null;
    }
  };
  const names = batched.map(({ name }) => name);
  for (const sizing of sizings(named, names)) {
    const found = await withIntegers(sizing, hasIntegers, tryInputs, () => reason(last));
    if (found) return found;
  }
  throw new InputError(refusal(model, last));
}

/**
 * Tries integers of all kinds at some sizes. If zeros fail as bounded ones do, the sizes are to
 * blame. Zeros hide what positions differ in, so others come first.
 */
async function withIntegers(
  sizing: Sizing,
  hasIntegers: boolean,
  tryInputs: (attempt: Attempt) => Promise<Accepted | null>,
  message: () => string,
): Promise<Accepted | null> {
  const of = (integers: Attempt["integers"]) =>
    tryInputs({ ...sizing, integers, floats: "normal", turn: 0 });
  const bounded = await of("bounded");
  if (bounded || !hasIntegers) return bounded;
  const why = message();
  const zeros = await of("zeros");
  if (!zeros && message() === why) return null;
  return (await of("sorted")) ?? (await of("few")) ?? zeros ?? (await of("ones"));
}

/** Maximum number of inputs that a sentence lists. */
const LISTED = 6;

/** Says that a model runs on no random inputs, which of them are to blame, and how to give others. */
function refusal({ graph, types }: Sampled, error: unknown): string {
  const why = reason(error);
  const show = (input: Value) => {
    const { dtype = "", shape = null } = types.get(input) ?? {};
    return `${input.name} (${dtype} ${showShape(shape)})`;
  };
  const list = (inputs: readonly Value[]) => listed(inputs.map(show), LISTED);
  const node = failing(graph, error);
  const blamed = node ? inputsBehind(graph, node) : [];
  const at = blamed.length > 0 ? `; this node is computed from ${list(blamed)}` : "";
  // As a trace writes a router's choice.
  const splits = node?.op === "Split" && (attribute(node, "split") || tensorOf(node.inputs[1]));
  const traced = splits
    ? "; the file states the sizes of the parts, perhaps those of the inputs that it was exported with: then it runs on no others"
    : "";
  const all = list(graph.main.inputs);
  return `${graph.file.source.name} does not run on any of the random inputs tried (${why}${at}${traced}); give real inputs with --inputs, an .npz with the arrays ${all}, give sizes with --dim name=4, or pass --no-prove if the command has it.`;
}

/** Returns the node that failed; null if it is not the only one of its name. */
function failing(graph: Graph, error: unknown): Node | null {
  const failed = failedNode(error);
  const nodes = graphNodes(graph).filter(
    ({ message: { opType, name } }) => opType === failed?.op && name === failed.name,
  );
  return nodes.length === 1 ? nodes[0] : null;
}

/** Returns the inputs of the model from which a node is computed. */
function inputsBehind(graph: Graph, node: Node): Value[] {
  const behind = new Set(walk(readsOf(node), sourcesOf));
  return graph.main.inputs.filter((input) => behind.has(input));
}

/** Returns positive inputs if the outputs then contain fewer NaN, otherwise the given ones. */
async function withFewerNaN(
  draw: Draw,
  run: RunOn,
  { attempt, feeds, outputs }: Omit<Accepted, "dims">,
): Promise<Drawn> {
  const lost = withoutNumbers(outputs);
  if (lost === 0) return { attempt, feeds };
  const other: Attempt = { ...attempt, floats: "positive" };
  const positive = draw(other, 0).feeds;
  const better = await run(positive).catch(() => outputs);
  return withoutNumbers(better) < lost ? { attempt: other, feeds: positive } : { attempt, feeds };
}

/**
 * Returns all sets of inputs; `varied` tries to take other branches of the model from set to set,
 * and repeats the first set if the model runs on no other.
 */
async function rounds(
  draw: Draw,
  run: RunOn,
  { attempt, feeds, count, varied }: Drawn & { readonly count: number; readonly varied: boolean },
): Promise<Tensors[]> {
  const all = [feeds];
  for (let round = 1; round < count; round++) {
    let next = draw({ ...attempt, turn: round }, round).feeds;
    for (let k = 0; varied && !(await works(run, next)); k++) {
      next = k < DRAWS ? draw({ ...attempt, turn: 0 }, round + k * count).feeds : feeds;
      if (next === feeds) break;
    }
    all.push(next);
  }
  return all;
}

/** Returns how many floats of some outputs are NaN or infinite. */
const withoutNumbers = (outputs: readonly Tensors[]): number =>
  outputs
    .flatMap((tensors) => Object.values(tensors))
    .reduce((sum, tensor) => sum + notFiniteIn(tensor), 0);

const works = (run: RunOn, feeds: Tensors) =>
  run(feeds).then(
    () => true,
    () => false,
  );
