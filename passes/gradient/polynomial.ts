import type { Value } from "../../src/graph/graph.ts";

/** Returns the one number that a value holds; null for any other value. */
export type Numbers = (value: Value | null) => number | null;

/** Maximum nesting of the operators that write a polynomial, and its highest degree. */
const [DEEPEST, DEGREE] = [6, 3];

/** Coefficients, from that of degree 0. */
type Polynomial = readonly number[];

/** Returns a value as a polynomial, of degree 3 at most, in a value that it is computed from. */
export function polynomialOf(
  value: Value,
  number: Numbers,
  fits: (polynomial: Polynomial) => boolean,
): { readonly x: Value; readonly polynomial: Polynomial } | null {
  for (const x of variables(value, number, DEEPEST)) {
    const polynomial = inTermsOf(x, value, number, DEEPEST);
    if (polynomial && fits(polynomial)) return { x, polynomial };
  }
  return null;
}

const OPERATORS: Readonly<Record<string, (a: Polynomial, b: Polynomial) => Polynomial | null>> = {
  Add: plus,
  Sub: (a, b) => plus(a, times(b, [-1])),
  Mul: times,
  Div: (a, b) => (b.length === 1 ? times(a, [1 / b[0]]) : null),
  Pow: (a, [power, ...more]) =>
    more.length === 0 && Number.isInteger(power) && power > 0 && power <= DEGREE
      ? Array.from({ length: power - 1 }).reduce<Polynomial>((product) => times(product, a), a)
      : null,
};

/** Returns the values from which arithmetic leads to a value. */
function variables(value: Value, number: Numbers, depth: number): readonly Value[] {
  const node = value.producer;
  if (depth === 0 || !node || !Object.hasOwn(OPERATORS, node.op)) return [];
  const inputs = node.inputs.filter((input) => input !== null && number(input) === null) as Value[];
  return [...new Set([...inputs, ...inputs.flatMap((x) => variables(x, number, depth - 1))])];
}

function inTermsOf(
  x: Value,
  value: Value | null,
  number: Numbers,
  depth: number,
): Polynomial | null {
  if (value === x) return [0, 1];
  const known = number(value);
  if (known !== null) return [known];
  const node = value?.producer;
  if (depth === 0 || !node || !Object.hasOwn(OPERATORS, node.op)) return null;
  const [a, b] = node.inputs.map((input) => inTermsOf(x, input, number, depth - 1));
  const result = a && b && OPERATORS[node.op](a, b);
  return result && result.length <= DEGREE + 1 ? result : null;
}

function plus(a: Polynomial, b: Polynomial): Polynomial {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, k) => (a[k] ?? 0) + (b[k] ?? 0));
}

function times(a: Polynomial, b: Polynomial): Polynomial {
  const product = new Array<number>(a.length + b.length - 1).fill(0);
  for (const [i, p] of a.entries()) for (const [j, q] of b.entries()) product[i + j] += p * q;
  return product;
}
