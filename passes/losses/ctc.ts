import { inversePerm, placeOfAxis, range, showShape } from "../../src/onnx/dtypes.ts";
import type { Options } from "../../src/options.ts";
import { labelPath } from "./ctc-labels.ts";
import { pathGradient, pathProbability } from "./ctc-paths.ts";
import { MOST_WRITTEN } from "./ctc-steps.ts";
import {
  classAxis,
  type FitAsked,
  ignoreIndex,
  type LossInputs,
  lossFunction,
  lossWriter,
  mean,
  ofClasses,
  values,
} from "./loss.ts";

const options = {
  classAxis,
  values,
  ignoreIndex: { ...ignoreIndex, default: -100 },
  blank: {
    type: "number",
    default: 0,
    range: { integer: true },
    describe: "class of the blank; -1 is the last class",
  },
  timeAxis: {
    type: "number",
    nullable: true,
    range: { integer: true, min: 0 },
    describe: "axis of the time steps  [default: the one that is neither batch nor classes]",
  },
  inputLengths: {
    type: "string",
    nullable: true,
    describe:
      "name of the array with the number of time steps of each row  [default: all steps count]",
  },
  targetLengths: {
    type: "string",
    nullable: true,
    describe:
      "name of the array with the number of labels of each row  [default: labels end before the first blank or negative one]",
  },
  zeroInfinity: {
    type: "boolean",
    default: false,
    describe: "use the loss 0 for rows with more labels than time steps",
  },
} as const satisfies Options;

type Inputs = LossInputs<typeof options>;
type Asked = FitAsked<typeof options>;

interface Axes {
  readonly batch: number;
  readonly time: number;
  readonly classes: number;
}

/** Finds the axes of an output by its rows; if there are none, returns the reason, the end of a sentence. */
function axesOf({ output, target, options }: Asked, rows: number): Axes | string {
  const { shape } = output;
  if (shape?.length !== 3)
    return `its output is [batch, steps, classes], but this one is ${showShape(shape)}`;
  const classes = placeOfAxis(options.classAxis ?? -1, 3);
  const others = [0, 1, 2].filter((axis) => axis !== classes);
  if (others.length !== 2) return `--class-axis ${options.classAxis} is not one of its 3 axes`;
  const fitting = others.filter((axis) => shape[axis] === rows);
  const batch =
    options.timeAxis !== null
      ? others.find((axis) => axis !== options.timeAxis)!
      : (fitting[0] ?? others[0]);
  if (options.timeAxis !== null && !others.includes(options.timeAxis))
    return `--time-axis ${options.timeAxis} is not an axis beside that of the classes, ${classes}`;
  if (typeof shape[batch] === "number" && shape[batch] !== rows)
    return `its targets are ${showShape(target?.shape ?? null)}, and the output ${showShape(shape)} has no axis of ${rows} rows`;
  return { batch, time: others.find((axis) => axis !== batch)!, classes };
}

/**
 * The mean of −ln p(labels) / number of labels, where p adds up all paths that spread the labels over
 * the steps: PyTorch's ctc_loss. Computed in log-space, one step after the other.
 */
export const ctc = lossFunction({
  name: "ctc",
  about: "connectionist temporal classification of label sequences",
  options,
  ...ofClasses,
  arrays: ["inputLengths", "targetLengths"],
  padding: -1,
  hint: "a row may have more labels, and blanks between equal ones, than steps: --zero-infinity leaves such rows out",
  fit(asked) {
    const shape = asked.target?.shape;
    if (shape?.length !== 2)
      return `its targets are labels [rows, labels], filled up at the end, and these are ${showShape(shape ?? null)}; name another array with --target`;
    const axes = axesOf(asked, Number(shape[0]));
    return typeof axes === "string" ? axes : { axis: axes.classes };
  },
  isLabel: (label, classes) => Number.isInteger(label) && label < classes,
  observe: (inputs) => observed(inputs),
  write: (inputs) => write(inputs),
});

/** The sizes of a batch, its axes, and its scores as [rows, steps, classes]. */
function sequencesOf(inputs: Inputs) {
  const { op, output, target, options } = inputs;
  const rows = Number(target.shape[0]);
  const { batch, time, classes } = axesOf({ output, target, options }, rows) as Axes;
  const perm = [batch, time, classes];
  const isPlain = perm.every((axis, k) => axis === k);
  const scores = isPlain ? output.name : op.Transpose(output.name, { perm });
  const [steps, count] = [Number(output.shape[time]), Number(output.shape[classes])];
  const blank = (options.blank + count) % count;
  return { of: { ...inputs, rows, steps, classes: count, blank }, perm, isPlain, scores };
}

function observed(inputs: Inputs) {
  const { op, to, constant } = inputs;
  const { of, scores } = sequencesOf(inputs);
  const { rows, steps, blank } = of;
  const largest = op.ArgMax(scores, { axis: 2, keepdims: 0 });
  const { labels } = labelPath(of);
  const length = Number(inputs.target.shape[1]);
  const given = inputs.arrays.inputLengths;
  if (!given) return { predicted: largest, actual: labels, length, blank };
  const lengths = to.reshape(to.cast(given.name, "float"), [rows, 1]);
  const numbers = constant("float", [1, steps], range(steps));
  const within = to.cast(op.Less(numbers, lengths), "int64");
  const int = (value: number) => constant("int64", [], [value]);
  const shifted = op.Mul(op.Sub(largest, int(blank)), within);
  return { predicted: op.Add(shifted, int(blank)), actual: labels, length, blank };
}

function write(inputs: Inputs) {
  const { builder, op, to, constant, options, form } = inputs;
  const { of: given, perm, isPlain, scores: narrow } = sequencesOf(inputs);
  const { rows, steps } = given;
  const { dtype } = inputs.output;
  const isLong = steps > MOST_WRITTEN && dtype === "float";
  const output = isLong ? { ...inputs.output, dtype: "double" } : inputs.output;
  const of = { ...given, ...lossWriter(builder, output.dtype), output };
  const scores = to.cast(narrow, output.dtype, dtype);
  const labels = labelPath(of);
  const paths = pathProbability(of, labels, { scores, isNormal: form === "log-probabilities" });
  const { logP, feasible } = paths;
  const length = to.atLeast(labels.length, 1, output.dtype);
  const loss = op.Neg(logP);
  // 1 / 0 is infinite.
  const bounded = options.zeroInfinity ? op.Mul(loss, feasible) : op.Div(loss, feasible);
  const weights = op.Div(feasible, op.Mul(length, of.number(rows)));
  const perLabel = mean(inputs, op.Div(bounded, length), 2);
  return {
    loss: to.cast(perLabel, dtype, output.dtype),
    metrics: {},
    examples: op.Identity(constant("float", [], [rows])),
    start: {
      scores: output.name,
      write: (later: typeof builder) => {
        const wide = pathGradient({ ...of, ...lossWriter(later, output.dtype) }, labels, {
          ...paths,
          weights,
        });
        const gradient = later.to.cast(wide, dtype, output.dtype);
        return isPlain ? gradient : later.op.Transpose(gradient, { perm: inversePerm(perm) });
      },
    },
  };
}
