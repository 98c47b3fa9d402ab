import { identity, range } from "../../src/onnx/dtypes.ts";
import { sumTo } from "./broadcasting.ts";
import type { GradientNode, GradientRule } from "./rule.ts";

interface Operand {
  readonly name: string;
  readonly labels: readonly string[];
}

/**
 * The cotangent of each operand is an Einsum of the output's cotangent and the other operands. A
 * label that occurs twice in an operand becomes two labels, tied by an identity matrix. A label
 * that only this operand has was summed, so its cotangent is constant along it.
 */
export const einsum: GradientRule = (at, ...inputs) => {
  const { op, write, g, shape, constant, dtype, needs } = at;
  const { terms, output } = labeled(at, inputs);
  const sizes = new Map<string, number>();
  for (const [k, labels] of terms.entries())
    for (const [axis, label] of labels.entries())
      sizes.set(label, Math.max(sizes.get(label) ?? 1, shape(k)[axis]));
  const fresh = unused([...terms.flat(), ...output]);
  const diagonals: Operand[] = [];
  const operands = terms.map((labels, k): Operand => {
    const once = labels.map((label, axis) => {
      if (labels.indexOf(label) === axis) return label;
      const size = sizes.get(label)!;
      const other = fresh();
      sizes.set(other, size);
      const eye = constant(dtype, [size, size], identity(size));
      diagonals.push({ name: eye, labels: [label, other] });
      return other;
    });
    return { name: inputs[k], labels: once };
  });
  return operands.map(({ labels }, k) => {
    if (!needs[k]) return null;
    const others = [...operands.filter((_, other) => other !== k), ...diagonals];
    const given = [{ name: g, labels: output }, ...others];
    const known = labels.filter((label) => given.some((operand) => operand.labels.includes(label)));
    const left = given.map((operand) => operand.labels.join("")).join(",");
    const equation = `${left}->${known.join("")}`;
    const names = given.map(({ name }) => name);
    const product = op.Einsum(names, { equation });
    const full = labels.map((label) => sizes.get(label)!);
    if (known.length === labels.length) return sumTo(write, product, full, shape(k));
    const kept = labels.map((label) => (known.includes(label) ? sizes.get(label)! : 1));
    return sumTo(write, write.expand(write.reshape(product, kept), kept, full), full, shape(k));
  });
};

/** Returns the labels of each operand and of the output, with the ellipsis expanded. */
function labeled({ text, shape, refuse }: GradientNode, inputs: readonly string[]) {
  const [left, right] = text("equation", "").replace(/\s/g, "").split("->");
  const given = left.split(",");
  if (given.length !== inputs.length) refuse("its equation has a different number of operands");
  const fresh = unused([...left, ...(right ?? "")]);
  const wide = given.map((term, k) =>
    term.includes("...") ? shape(k).length - (term.length - 3) : 0,
  );
  const dots = range(Math.max(0, ...wide)).map(fresh);
  const written = (term: string, width: number) => {
    const [before, after] = term.split("...");
    if (after === undefined) return [...term];
    return [...before, ...dots.slice(dots.length - width), ...after];
  };
  const terms = given.map((term, k) => written(term, wide[k]));
  const count = (label: string) => terms.flat().filter((used) => used === label).length;
  const implied = () => {
    const once = [...new Set([...left].filter((c) => /\w/.test(c)))].filter((c) => count(c) === 1);
    return [...dots, ...once.sort()];
  };
  return { terms, output: right === undefined ? implied() : written(right, dots.length) };
}

/** Yields letters that are not in use. */
function unused(taken: readonly string[]): () => string {
  const letters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];
  const free = letters.filter((letter) => !taken.includes(letter));
  return () => free.shift()!;
}
