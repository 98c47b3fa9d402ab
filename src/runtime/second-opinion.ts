import type { Tensor } from "onnxruntime-common";
import type { ModelFile } from "../onnx/model-file.ts";
import { externalLocations } from "../onnx/sound-shapes.ts";
import type { Source } from "../onnx/source.ts";
import { type OutputReport, runAll, sameFunction } from "./same-function.ts";
import { type Ort, type Runnable, reason, type Tensors } from "./session.ts";

/** What another onnxruntime says of two models. */
export interface SecondOpinion {
  /** Sets of inputs. */
  readonly inputs: number;
  readonly outputs: readonly OutputReport[];
  /** What the runtime said where it takes the first model and not the second; null where it does. */
  readonly error: string | null;
  /** Why it was not asked: it does not take the first model either, or weights do not fit. */
  readonly skipped: string | null;
}

/** Bytes of a model with its weights that a runtime in 32-bit memory may be given. */
const LARGEST = 1 << 30;

/** Repeats the same-function check under another onnxruntime, which is given bytes and no paths. */
export async function secondOpinion(
  ort: Ort,
  before: ModelFile,
  after: ModelFile,
  given: readonly Tensors[],
): Promise<SecondOpinion> {
  const nothing = { inputs: 0, outputs: [], error: null, skipped: null };
  const size = bytesOf(after);
  if (size > LARGEST)
    return {
      ...nothing,
      skipped: `the model and its weights take ${(size / 1e9).toFixed(1)} GB, more than the ${(LARGEST / 1e9).toFixed(1)} GB it is given`,
    };
  const feeds = given.map((tensors) => retyped(ort, tensors));
  const carrying = withData(ort, dataOf(after));
  const [first, second] = [inMemory(before), inMemory(after)];
  try {
    await runAll(carrying, first, "disabled", [feeds[0]]);
  } catch (thrown) {
    return { ...nothing, skipped: `it does not take the original (${reason(thrown)})` };
  }
  try {
    const outputs = await sameFunction(carrying, first, second, feeds);
    return { ...nothing, inputs: feeds.length, outputs };
  } catch (thrown) {
    return { ...nothing, inputs: feeds.length, error: reason(thrown) };
  }
}

const inMemory = ({ source }: ModelFile): Runnable => ({ model: source.read(0, source.size) });

/** Tensors of this runtime's own class. */
function retyped({ Tensor }: Ort, tensors: Tensors): Tensors {
  const Own = Tensor as unknown as new (type: string, data: unknown, dims: unknown) => Tensor;
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { type, data, dims }]) => [
      name,
      new Own(type, data, dims),
    ]),
  );
}

/** A runtime whose sessions are handed the data files' bytes. */
const withData = (ort: Ort, externalData: readonly { path: string; data: Uint8Array }[]): Ort =>
  externalData.length === 0
    ? ort
    : {
        Tensor: ort.Tensor,
        InferenceSession: {
          create: (model: string | Uint8Array, options = {}) =>
            ort.InferenceSession.create(model as Uint8Array, { ...options, externalData }),
        },
      };

/** Reads a data file where it is to be had, lets go of it, and gives what `take` makes of it. */
function opened<T>(file: ModelFile, location: string, take: (source: Source) => T): T {
  const source = file.folder!.open(location);
  try {
    return take(source);
  } finally {
    source.close?.();
  }
}

/** Locations of data that lies in the folder already. */
const written = (file: ModelFile) =>
  [...externalLocations(file)].filter((name) => name !== file.folder?.companion?.location);

const bytesOf = (file: ModelFile) =>
  written(file).reduce(
    (sum, location) => sum + opened(file, location, ({ size }) => size),
    file.source.size + (file.folder?.companion?.bytes.length ?? 0),
  );

function dataOf(file: ModelFile) {
  const files = written(file).map((path) => ({
    path,
    data: opened(file, path, (source) => source.read(0, source.size)),
  }));
  const { companion } = file.folder ?? {};
  return companion ? [...files, { path: companion.location, data: companion.bytes }] : files;
}
