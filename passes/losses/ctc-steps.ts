import { range } from "../../src/onnx/dtypes.ts";
import type { Sequences } from "./ctc-labels.ts";

/**
 * Steps that are written one after the other. More are a Scan, with which a session starts sooner, and
 * in double: ln p is then so large that float has too few digits for its differences.
 */
export const MOST_WRITTEN = 256;

/** The first opset with Scan in its present form. */
const SCAN = 9;

/** Values that follow from each other, step after step. */
interface Recursion {
  /** The value at the first step, or at the last if it goes backward: [1, rows, states]. */
  readonly start: string;
  /** What is read at each other step: [steps - 1, rows, states]. */
  readonly read: string;
  readonly backward: boolean;
  /** Writes the next value, from the one before it, what is read, and the number of the step read. */
  readonly next: (state: string, read: string, step: string) => string;
}

/** Writes the values at all steps but the first, in the order of `read`, and the one reached last. */
export function followed(of: Sequences, recursion: Recursion) {
  const isLong = of.steps > MOST_WRITTEN && of.opset >= SCAN;
  return isLong ? scanned(of, recursion) : written(of, recursion);
}

function written(
  { op, to, constant, steps }: Sequences,
  { start, read, backward, next }: Recursion,
) {
  const count = steps - 1;
  const pieces = count === 1 ? [read] : to.split(read, new Array(count).fill(1), 0);
  const order = [...pieces.keys()];
  const states = new Array<string>(count);
  let last = start;
  for (const k of backward ? order.reverse() : order) {
    last = next(last, pieces[k], constant("float", [], [k + 1]));
    states[k] = last;
  }
  return { states: count === 1 ? last : op.Concat(states, { axis: 0 }), last };
}

function scanned(
  { builder, output, rows, steps, target }: Sequences,
  { start, read, backward, next }: Recursion,
) {
  const { to, constant, custom, fresh } = builder;
  const { dtype } = output;
  const count = steps - 1;
  const states = 2 * Number(target.shape[1]) + 1;
  const [state, slice, step] = ["state", "read", "step"].map(fresh);
  let [following, copy] = ["", ""];
  const nodes = builder.body(() => {
    following = next(state, slice, step);
    copy = builder.op.Identity(following);
  });
  const numbers = range(count).map((k) => k + 1);
  const type = (shape: readonly number[]) => ({ dtype, shape });
  const body = {
    name: fresh("steps"),
    nodes,
    inputs: [
      { name: state, type: type([1, rows, states]) },
      { name: slice, type: type([rows, states]) },
      { name: step, type: { dtype: "float", shape: [] } },
    ],
    outputs: [following, copy].map((name) => ({ name, type: type([1, rows, states]) })),
  };
  const directions = backward ? { scan_input_directions: [1, 1], scan_output_directions: [1] } : {};
  const [last, stacked] = custom(
    "Scan",
    [start, read, constant("float", [count], numbers)],
    { body: { graph: body }, num_scan_inputs: 2, ...directions },
    2,
  );
  return { states: to.reshape(stacked, [count, rows, states]), last };
}
