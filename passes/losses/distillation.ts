import { agreement, classesLast } from "./class-values.ts";
import { classAxis, elementCount, lossFunction, mean, values } from "./loss.ts";
import { logOf } from "./probabilities.ts";

/**
 * Distillation from the original model's outputs: T² KL(softmax(t / T) ‖ softmax(z / T)), averaged
 * over all positions (Hinton, Vinyals, Dean 2015), or the mean squared difference of the values.
 */
export const distillation = lossFunction({
  name: "distillation",
  about: "distillation from the original model's outputs",
  options: {
    classAxis,
    values,
    temperature: {
      type: "number",
      default: 2,
      range: { above: 0 },
      describe: "number by which scores are divided before the softmax",
    },
    distil: {
      choices: ["logits", "features"],
      default: "logits",
      describe:
        "what to compare with the teacher: probabilities, computed from logits, or features as they are",
    },
  },
  reads: ({ distil }) => (distil === "features" ? "values" : "classes"),
  looksThrough: ["Softmax", "LogSoftmax"],
  distils: true,
  write(inputs) {
    const { builder, op, to, number, output, target, form, before, axis, options } = inputs;
    const rank = output.shape.length;
    if (options.distil === "features") {
      const off = op.Sub(output.name, target.name);
      return {
        loss: mean(inputs, op.Mul(off, off), rank),
        metrics: {},
        examples: elementCount(inputs, off),
      };
    }
    const given =
      form === "log-probabilities"
        ? logOf(builder, target.name, output.dtype)
        : before === "Softmax"
          ? op.Log(to.atLeast(target.name, 1e-30, output.dtype))
          : target.name;
    const teacher = classesLast(inputs, given, rank, axis);
    const student = classesLast(inputs, output.name, rank, axis);
    const cooled = (x: string) => op.Div(x, number(options.temperature));
    // Logarithms of probabilities are logits too, but no longer probabilities after division by the
    // temperature.
    const normal = (x: string) => op.LogSoftmax(cooled(x), { axis: rank - 1 });
    const [logQ, logP] = [normal(teacher), normal(student)];
    const q = op.Exp(logQ);
    const terms = op.Mul(q, op.Sub(logQ, logP));
    const divergences = to.reduce("ReduceSum", terms, [rank - 1], false);
    return {
      loss: op.Mul(mean(inputs, divergences, rank - 1), number(options.temperature ** 2)),
      metrics: { agreement: agreement(inputs, student, teacher, rank) },
      examples: elementCount(inputs, divergences),
    };
  },
});
