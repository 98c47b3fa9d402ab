import type { InferenceSession, Tensor, TensorConstructor } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { lostInput, mistypesCast, ranOutOfMemory, readsNoFiles, reason } from "./messages.ts";
import { isUnnameable, withNamesAgain, withOtherNames } from "./unnameable.ts";

/** The parts of onnxruntime that are used: `import * as ort from "onnxruntime-node"` or "-web". */
export interface Ort {
  readonly InferenceSession: {
    /** Opens a session on a model file. */
    create(model: string, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
    /** Opens a session on the bytes of a model. */
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: TensorConstructor;
  /**
   * Options for every session, `{ executionProviders: ["webgpu"] }` for instance; what a call needs
   * itself comes before them. `graphOptimizationLevel` is the highest level that calls use: lower it
   * if onnxruntime crashes, which ends the process.
   */
  readonly sessionOptions?: InferenceSession.SessionOptions | undefined;
  /** Called with the model's name before a session is created, because onnxruntime may crash. */
  readonly watch?: ((model: string, level: Level) => void) | undefined;
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined;
}

/** A model that onnxruntime can load: bytes or path, and the folder of external data. */
export interface Runnable {
  readonly model: Uint8Array | string;
  readonly folder?: string | undefined;
  /** Its external data, if that is in memory. */
  readonly externalData?: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** A model from a folder with its external data in memory, for a runtime that reads no files. */
  readonly inMemory?: (() => Runnable) | undefined;
  /** The name in reports; absent for a model of a few nodes. */
  readonly title?: string | undefined;
  /** It has thousands of weights, by which the time of some optimizers is quadratic. */
  readonly manyWeights?: boolean | undefined;
}

/** onnxruntime's optimization levels, in its spelling. */
export type Level = "disabled" | "basic" | "extended" | "all";

/** The levels, highest first. */
const LEVELS: readonly Level[] = ["all", "extended", "basic", "disabled"];

/** Returns the levels that sessions may have, highest first. */
export const levelsOf = ({ sessionOptions }: Ort): readonly Level[] =>
  LEVELS.slice(Math.max(0, LEVELS.indexOf(sessionOptions?.graphOptimizationLevel as Level)));

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Options of onnxruntime, and whether the session runs only a few times. */
type SessionOptions = InferenceSession.SessionOptions & {
  /** Idle threads sleep instead of spinning: a few short runs take a third less processor time. */
  readonly briefly?: boolean;
  /** Number of threads; 0 leaves it to onnxruntime. */
  readonly threads?: number | undefined;
};

/**
 * Opens a session on the model; the caller releases it. Logs nothing. A model that onnxruntime does
 * not load without optimizations, through a fault of its own, is opened with the basic ones.
 */
export async function openSession(
  ort: Ort,
  runnable: Runnable,
  level: Level,
  how: SessionOptions = {},
): Promise<InferenceSession> {
  const { inMemory, title, manyWeights } = runnable;
  const open = (at: Level) =>
    sessionOn(ort, runnable, at, how).catch((error) => {
      if (!inMemory || !readsNoFiles(error)) throw error;
      return sessionOn(ort, { title, manyWeights, ...inMemory() }, at, how);
    });
  return open(level).catch((error) => {
    if (level !== "disabled" || !mistypesCast(error)) throw error;
    return open("basic");
  });
}

async function sessionOn(
  ort: Ort,
  { model, folder, externalData, title = "some of its nodes", manyWeights }: Runnable,
  level: Level,
  { briefly = false, threads = 0, ...more }: SessionOptions,
): Promise<InferenceSession> {
  const levels = levelsOf(ort);
  const graphOptimizationLevel = levels.includes(level) ? level : levels[0];
  ort.watch?.(title, graphOptimizationLevel);
  const own = ort.sessionOptions ?? {};
  const options: InferenceSession.SessionOptions = {
    ...own,
    ...more,
    graphOptimizationLevel,
    logSeverityLevel: 4,
    intraOpNumThreads: threads || (own.intraOpNumThreads ?? 0),
    ...(externalData ? { externalData } : {}),
    extra: {
      ...own.extra,
      // ConstantSharing changes no arithmetic, but takes half of the loading time then.
      optimization: {
        ...(manyWeights ? { disable_specified_optimizers: "ConstantSharing" } : {}),
        ...(own.extra?.optimization as object | undefined),
      },
      session: {
        ...(own.extra?.session as object | undefined),
        ...(briefly ? { intra_op: { allow_spinning: "0" } } : {}),
        ...(folder === undefined ? {} : { model_external_initializers_file_folder_path: folder }),
      },
    },
  };
  if (typeof model === "string") return ort.InferenceSession.create(model, options);
  const session = await ort.InferenceSession.create(model, options);
  if (!session.outputNames.some(isUnnameable)) return session;
  await session.release();
  const renamed = withOtherNames(model);
  return withNamesAgain(await ort.InferenceSession.create(renamed.model, options), renamed.names);
}

/** Runs `work` with a session on the model and releases the session. */
export async function withSession<T>(
  ort: Ort,
  model: Runnable,
  level: Level,
  work: (session: InferenceSession) => Promise<T>,
): Promise<T> {
  const session = await openSession(ort, model, level, { briefly: true });
  try {
    return await work(session);
  } finally {
    await session.release();
  }
}

/**
 * Runs a session for some of its outputs. onnxruntime-node 1.23 and older label the results with
 * the names of the session's first outputs, whichever were requested.
 */
export async function runFor(
  session: InferenceSession,
  feeds: Tensors,
  names: readonly string[],
): Promise<Tensors> {
  const got: Tensors = await session.run(feeds as Record<string, Tensor>, [...names]);
  if (names.every((name) => Object.hasOwn(got, name))) return got;
  const asked = session.outputNames.filter((name) => names.includes(name));
  return Object.fromEntries(asked.map((name, k) => [name, got[session.outputNames[k]]]));
}

/** onnxruntime's optimizer has lost a value of the model, which runs without optimizations. */
class OptimizerError extends InputError {
  override name = "OptimizerError";
  override readonly code = "optimizer";
  constructor(failure: string) {
    super(
      `${failure}; its optimizer has lost a value: simplify the model first, as torch.onnx.export does by optimize=True, or set ort.sessionOptions.graphOptimizationLevel to "disabled".`,
    );
  }
}

/** Runs a session on a user's data; throws an InputError if onnxruntime rejects it. */
export async function runBatch(
  session: InferenceSession,
  feeds: Tensors,
  what: string,
): Promise<Tensors> {
  try {
    return await session.run(feeds as Record<string, Tensor>);
  } catch (error) {
    const failure = `onnxruntime cannot run ${what} (${reason(error)})`;
    if (lostInput(error)) throw new OptimizerError(failure);
    const then = ranOutOfMemory(error) ? "make the batches smaller" : "look at the data";
    throw new InputError(`${failure}; ${then}.`);
  }
}

/** Returns the same runtime with sessions on the CPU, which every build has. */
export const onCpu = (ort: Ort): Ort => ({
  ...ort,
  sessionOptions: { graphOptimizationLevel: levelsOf(ort)[0] },
});
