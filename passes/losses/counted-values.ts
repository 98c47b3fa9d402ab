import { sinceOf } from "../../src/graph/operators.ts";
import { ignoreIndex, type LossInputs, type LossOutputs, total } from "./loss.ts";

/** Options of losses of values that may be missing. */
export const valueOptions = { ignoreIndex: { ...ignoreIndex, nullable: true } } as const;

type Inputs = LossInputs<typeof valueOptions>;

/** The first opset with Equal of floats. */
const EQUAL = 11;

/** Targets of which some may be missing. */
interface CountedValues {
  /** The targets, 0 if they are missing. */
  readonly target: string;
  /** 1 for each element that counts, otherwise 0; null if all do. */
  readonly counts: string | null;
}

/** Writes which elements of a target count: not NaN, nor the number that is to be ignored. */
export function countedValues({ op, to, constant, ...inputs }: Inputs): CountedValues {
  const { target, opset, options } = inputs;
  const { name, dtype } = target;
  const { ignoreIndex } = options;
  const given = ignoreIndex === null ? null : constant(dtype, [], [ignoreIndex]);
  const apart = (number: string) =>
    opset < EQUAL
      ? op.Or(op.Less(name, number), op.Greater(name, number))
      : op.Not(op.Equal(name, number));
  const differs = given && apart(given);
  if (opset < sinceOf("IsNaN")) {
    if (differs === null) return { target: name, counts: null };
    return { target: to.masked(differs, name, dtype), counts: to.cast(differs, dtype) };
  }
  const isNumber = op.Not(op.IsNaN(name));
  const counting = differs ? op.And(isNumber, differs) : isNumber;
  const zero = constant(dtype, [], [0]);
  return { target: op.Where(counting, name, zero), counts: to.cast(counting, dtype) };
}

/** Writes the mean of a term over the elements that count, with metrics that are such means too. */
export function meanOverCounted(
  inputs: Omit<LossInputs, "options">,
  { counts }: CountedValues,
  term: string,
  metrics: Readonly<Record<string, string>> = {},
): LossOutputs {
  const { op, to, number, output } = inputs;
  const rank = output.shape.length;
  const kept = counts ?? to.expand(number(1), [], output.shape.map(Number));
  const counted = total(inputs, kept, rank);
  const whole = to.atLeast(counted, 1, output.dtype);
  const mean = (x: string) => op.Div(total(inputs, counts ? op.Mul(x, counts) : x, rank), whole);
  return {
    loss: mean(term),
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, x]) => [name, mean(x)])),
    examples: to.cast(counted, "float"),
  };
}
