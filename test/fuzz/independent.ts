import { InferenceSession, Tensor } from "onnxruntime-node";
import { type SeededDraw, seeded } from "../support/seeded.ts";

/** A model as onnxruntime takes it. */
export type Loadable = string | Uint8Array;

/** Elements above which an input is not made. */
const MOST = 1 << 27;

type Metadata = InferenceSession.ValueMetadata & { isTensor: true };

/**
 * Whether two models agree: bit for bit, or where not ("overflows" where the second has NaNs for
 * numbers); "unknown" where the first did not run.
 */
type Agreement = "equal" | "random" | "unknown" | `${string} ${"differs" | "overflows"}`;

const OPTIONS: InferenceSession.SessionOptions = {
  graphOptimizationLevel: "disabled",
  logSeverityLevel: 4,
};

/** Runs both on an input made here, with optimizations disabled, and compares the bytes. */
export async function agreement(
  before: Loadable,
  after: Loadable,
  dims: Readonly<Record<string, number>>,
  seed: number,
): Promise<Agreement> {
  const draw = seeded(seed, "independent");
  const first = await session(before).catch(() => null);
  if (!first) return "unknown";
  try {
    const feeds = feedsOf(draw, first, dims);
    if (!feeds) return "unknown";
    const expected = await first.run(feeds).catch(() => null);
    if (!expected) return "unknown";
    const again = await first.run(feeds);
    const second = await session(after);
    try {
      const got = await second.run(feeds).catch(() => null);
      if (!got) return "every output, since it does not run, differs";
      const differing = Object.keys(expected).filter((name) => !same(expected[name], got[name]));
      const random = differing.every((name) => !same(expected[name], again[name]));
      if (differing.length === 0) return "equal";
      if (random) return "random";
      const [name] = differing;
      const lost = nans(got[name]) > nans(expected[name]);
      return lost ? `${name} overflows` : `${name} differs`;
    } finally {
      await second.release();
    }
  } finally {
    await first.release();
  }
}

/** Does with a model what nobody could do without: makes sessions and runs it, small and larger. */
export async function runAlone(model: Loadable) {
  let last: unknown = null;
  for (const graphOptimizationLevel of ["disabled", "all"] as const)
    for (const size of [1, 64, 224, 640]) {
      const made = await session(model, { ...OPTIONS, graphOptimizationLevel });
      const feeds = feedsOf(seeded(1, "alone"), made, {}, size) ?? {};
      await made.run(feeds).catch((error) => {
        last = error;
      });
      await made.release();
    }
  if (last) throw last;
}

const session = (model: Loadable, options = OPTIONS) =>
  typeof model === "string"
    ? InferenceSession.create(model, options)
    : InferenceSession.create(model, options);

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
} as const;

function feedsOf(
  draw: SeededDraw,
  { inputMetadata }: InferenceSession,
  dims: Readonly<Record<string, number>>,
  size = 1,
): Record<string, Tensor> | null {
  const feeds: Record<string, Tensor> = {};
  for (const { name, type, shape } of inputMetadata as readonly Metadata[]) {
    const sizes = shape.map((dim, axis) =>
      typeof dim === "number"
        ? dim
        : (dims[dim || `${name}.${axis}`] ??
          (axis === 0 ? 1 : axis === 1 && shape.length > 3 ? 3 : size)),
    );
    const count = sizes.reduce((a, b) => a * b, 1);
    if (count > MOST) return null;
    if (type === "string") feeds[name] = new Tensor(type, new Array(count).fill("b"), sizes);
    else if (type === "bool")
      feeds[name] = new Tensor(
        type,
        Uint8Array.from({ length: count }, () => draw.upTo(1)),
        sizes,
      );
    else if (type === "int64" || type === "uint64") {
      const array = type === "int64" ? BigInt64Array : BigUint64Array;
      const values = array.from(Array.from({ length: count }, () => BigInt(draw.upTo(1))));
      feeds[name] = new Tensor(type, values as BigInt64Array, sizes);
    } else if (type === "float16") {
      const halves = Uint16Array.from({ length: count }, () => 0x3000 + draw.upTo(0x0fff));
      feeds[name] = new Tensor(type, halves, sizes);
    } else {
      const array = ARRAYS[type as keyof typeof ARRAYS];
      const float = type.startsWith("float");
      const numbers = Array.from({ length: count }, () =>
        float ? draw.upTo(4096) / 1024 - 2 : draw.upTo(1),
      );
      const values = array.from(numbers);
      feeds[name] = new Tensor(type as "float32", values as Float32Array, sizes);
    }
  }
  return feeds;
}

const nans = ({ type, data }: Tensor) =>
  type === "float32" || type === "float64"
    ? (data as Float32Array).filter((value) => Number.isNaN(value)).length
    : 0;

function same(a: Tensor, b: Tensor | undefined): boolean {
  if (!b || a.type !== b.type || a.dims.join() !== b.dims.join()) return false;
  if (a.type === "string")
    return (a.data as string[]).join("\0") === (b.data as string[]).join("\0");
  const bytes = ({ data }: Tensor) => {
    const view = data as Float32Array;
    return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  };
  return bytes(a).equals(bytes(b));
}
