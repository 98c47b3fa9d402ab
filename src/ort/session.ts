import type { InferenceSession, Tensor, TensorConstructor } from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { isUnnameable, withNamesAgain, withOtherNames } from "./unnameable.ts";

/** What this project needs of onnxruntime: `import * as ort from "onnxruntime-node"` or "-web". */
export interface Ort {
  readonly InferenceSession: {
    create(model: string, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: TensorConstructor;
  /** What watches the sessions from another process, because onnxruntime may end this one. */
  readonly watch?: Watch | undefined;
  /** Stops the call that it is handed to. */
  readonly signal?: AbortSignal | undefined;
}

/** Hears of every session before it is made. */
export interface Watch {
  /** The highest level that sessions are given. */
  readonly ceiling: Level;
  readonly session: (model: string, level: Level) => void;
}

/** A model that onnxruntime can load: its bytes, or its path; and the folder of its external data. */
export interface Runnable {
  readonly model: Uint8Array | string;
  readonly folder?: string | undefined;
  /** What a report calls it; a model of some nodes alone has none. */
  readonly title?: string | undefined;
}

/** How far onnxruntime optimises, as it spells it. */
export type Level = "disabled" | "basic" | "extended" | "all";

/** The levels from the fullest on. */
export const LEVELS: readonly Level[] = ["all", "extended", "basic", "disabled"];

/** The lower of two levels. */
const lower = (a: Level, b: Level) => (LEVELS.indexOf(a) > LEVELS.indexOf(b) ? a : b);

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Options of onnxruntime, and whether the session runs a few times only. */
type SessionOptions = InferenceSession.SessionOptions & {
  /** Idle threads sleep instead of spinning, which takes a third of the processor time of a few short runs. */
  readonly briefly?: boolean;
};

/** Opens a session on the model; it is the caller's to release. Nothing is logged. */
export async function openSession(
  ort: Ort,
  { model, folder, title = "some of its nodes" }: Runnable,
  level: Level,
  threads = 0,
  { briefly = false, ...more }: SessionOptions = {},
): Promise<InferenceSession> {
  const graphOptimizationLevel = lower(level, ort.watch?.ceiling ?? "all");
  ort.watch?.session(title, graphOptimizationLevel);
  const options: InferenceSession.SessionOptions = {
    ...more,
    graphOptimizationLevel,
    logSeverityLevel: 4,
    intraOpNumThreads: threads,
    extra: {
      session: {
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

/** Runs `work` with a session on the model and lets the session go. */
export async function withSession<T>(
  ort: Ort,
  model: Runnable,
  level: Level,
  work: (session: InferenceSession) => Promise<T>,
): Promise<T> {
  const session = await openSession(ort, model, level, 0, { briefly: true });
  try {
    return await work(session);
  } finally {
    await session.release();
  }
}

/**
 * Runs a session for some of its outputs. onnxruntime-node 1.23 and older call what they give by
 * the names of the session's first outputs, whichever were asked for.
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

/** Runs a session on what a user gives; an InputError where onnxruntime refuses it as it runs. */
export async function runBatch(
  session: InferenceSession,
  feeds: Tensors,
  what: string,
): Promise<Tensors> {
  try {
    return await session.run(feeds as Record<string, Tensor>);
  } catch (error) {
    const why = reason(error);
    const then = /alloc|memory/i.test(why) ? "make the batches smaller" : "look at the data";
    throw new InputError(`onnxruntime cannot run ${what} (${why}); ${then}.`);
  }
}

/** The first line of what onnxruntime says, without its codes and the place in its own source. */
export function reason(error: unknown): string {
  const text = String((error as Error)?.message ?? error);
  return text
    .replace(/^(Error: )?/, "")
    .replace(/\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : /, "")
    .split("\n")[0]
    .replace(/\/onnxruntime_src\/.* was false\. (?=\S)/, "")
    .slice(0, 300);
}
