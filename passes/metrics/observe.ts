import { sinceOf } from "../../src/graph/operators.ts";
import { range, type Type } from "../../src/onnx/dtypes.ts";
import { countedValues } from "../losses/counted-values.ts";
import { type labelOptions, labelTerms } from "../losses/labels.ts";
import {
  type ChosenLoss,
  classAxisOf,
  type LossInputs,
  type LossWriter,
  type ObservedSequences,
} from "../losses/loss.ts";
import type { Need, Observed } from "./metric.ts";

/** The names of what a graph gives for metrics, and how it is read. */
export interface Observation extends Pick<Observed, "kind" | "dims" | "classes" | "blank"> {
  readonly predicted: string;
  readonly actual: string;
  readonly places: string | null;
  readonly surprise: string | null;
}

interface ToObserve {
  readonly chosen: ChosenLoss;
  /** Whether perplexity is reported. */
  readonly isNextToken: boolean;
  readonly needs: ReadonlySet<Need>;
}

/** Writes what metrics need of an output and its target; null if no metric takes them. */
export function observe(inputs: LossInputs, to: ToObserve): Observation | null {
  const { loss, reads } = to.chosen;
  const { form } = inputs.target;
  if (loss.observe) return sequences(inputs, loss.observe(inputs));
  if (loss.distils || form === "own" || inputs.target.name === "") return null;
  if (form === "labels") return ofLabels(inputs as LossInputs<typeof labelOptions>, to);
  if (form === "one-hot" || form === "shares") return ofShares(inputs);
  if (!Object.hasOwn(loss.options, "ignoreIndex")) return values(inputs, inputs.target.name);
  return reads === "shares" ? yesNo(inputs) : values(inputs, withGaps(inputs));
}

const sizes = (shape: NonNullable<Type["shape"]>) => shape.map(Number);
const NOTHING = { places: null, surprise: null, blank: null } as const;
const int = ({ to }: LossWriter, x: string) => to.cast(x, "int32");

const sequences = (
  inputs: LossInputs,
  { predicted, actual, length, blank }: ObservedSequences,
): Observation => ({
  ...NOTHING,
  kind: "sequences",
  dims: [inputs.rows, length],
  classes: 0,
  blank,
  predicted: int(inputs, predicted),
  actual: int(inputs, actual),
});

const largest = (inputs: LossInputs, x: string) =>
  int(inputs, inputs.op.ArgMax(x, { axis: inputs.axis, keepdims: 0 }));

const positions = ({ output: { shape }, axis }: LossInputs) =>
  ({
    ...NOTHING,
    kind: "classes",
    dims: sizes(shape).toSpliced(axis, 1),
    classes: Number(shape[axis]),
  }) as const;

function ofLabels(
  inputs: LossInputs<typeof labelOptions>,
  { isNextToken, needs }: ToObserve,
): Observation {
  const { op, to, constant, output } = inputs;
  const { labels, counts, losses } = labelTerms(inputs, null);
  const chosen = to.cast(counts, "int64");
  const actual = op.Sub(op.Add(op.Mul(labels, chosen), chosen), constant("int64", [], [1]));
  return {
    ...positions(inputs),
    predicted: largest(inputs, output.name),
    actual: int(inputs, actual),
    places: needs.has("places") ? int(inputs, placesOf(inputs, labels)) : null,
    surprise: needs.has("surprise") || isNextToken ? to.cast(losses, "float") : null,
  };
}

/** Writes how many classes are likelier than the label, or as likely and before it. */
function placesOf(
  { op, to, constant, output, axis, opset }: LossInputs<typeof labelOptions>,
  labels: string,
): string {
  const shape = sizes(output.shape);
  const { dtype } = output;
  const at = to.unsqueeze(labels, [axis]);
  const dims = shape.map((size, k) => (k === axis ? size : 1));
  const numbers = constant("float", dims, range(shape[axis]));
  const place = to.cast(at, "float");
  const picked = () => {
    if (opset >= sinceOf("GatherElements")) return op.GatherElements(output.name, at, { axis });
    const apart = op.Abs(op.Sub(numbers, place));
    const own = to.cast(op.Less(apart, constant("float", [], [0.5])), dtype);
    return to.reduce("ReduceSum", op.Mul(own, output.name), [axis]);
  };
  const score = picked();
  const [above, below] = [op.Greater(output.name, score), op.Less(output.name, score)];
  const tied = op.And(op.Not(op.Or(above, below)), op.Less(numbers, place));
  const before = to.cast(op.Or(above, tied), "float");
  return to.reduce("ReduceSum", before, [axis], false);
}

const ofShares = (inputs: LossInputs): Observation => ({
  ...positions(inputs),
  predicted: largest(inputs, inputs.output.name),
  actual: largest(inputs, inputs.target.name),
});

type Counted = LossInputs & Parameters<typeof countedValues>[0];

/** Writes values, NaN for those that do not count. */
function withGaps(inputs: LossInputs): string {
  const { op, number } = inputs;
  const { target, counts } = countedValues(inputs as Counted);
  // 0 / 0 is not a number.
  return counts === null ? target : op.Add(target, op.Div(number(0), counts));
}

const values = ({ op, output }: LossInputs, actual: string): Observation => ({
  ...NOTHING,
  kind: "values",
  dims: sizes(output.shape),
  classes: 0,
  predicted: op.Identity(output.name),
  actual: op.Identity(actual),
});

function yesNo(inputs: LossInputs): Observation {
  const { op, constant, number, output } = inputs;
  const { target, counts } = countedValues(inputs as Counted);
  const said = int(inputs, op.Greater(target, number(0.5)));
  const one = constant("int32", [], [1]);
  const chosen = counts && int(inputs, counts);
  const actual = chosen ? op.Sub(op.Add(op.Mul(said, chosen), chosen), one) : said;
  const rank = output.shape.length;
  return {
    ...NOTHING,
    kind: "yes-no",
    dims: sizes(output.shape),
    classes: rank < 2 ? 1 : classAxisOf(rank, { classAxis: null }),
    predicted: int(inputs, op.Greater(output.name, number(0))),
    actual,
  };
}
