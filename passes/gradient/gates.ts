import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Node, type Value } from "../../src/graph/graph.ts";
import { float } from "../../src/onnx/new-node.ts";
import { geluSlope, tanhFormSlope } from "./gelu.ts";
import { affine, fromOne } from "./indicators.ts";
import { type Numbers, polynomialOf } from "./polynomial.ts";
import type { GradientNode } from "./rule.ts";

/** An activation x · gate(x) · factor written as several nodes. */
interface Gated {
  readonly x: Value;
  readonly factor: number;
  /** ∂y/∂x, less a constant factor, which is 1 by default. */
  readonly slope: (at: GradientNode) => string;
  readonly slopeFactor?: number;
  /** Whether the gate is a Clip, which a HardSigmoid can stand for. */
  readonly isClip?: boolean;
}

/**
 * Matches HardSwish, Gelu and Swish as exporters write them if the opset lacks the operator; the last
 * node is given. Where it saves work, the gate's value, which the forward pass computes, gives the
 * slope. Returns null for any other node, and if one of the numbers is `active`, so that its gradient
 * is requested.
 */
export function gatedBy(active: ReadonlySet<Value>, node: Node): Gated | null {
  if (node.op !== "Mul" && node.op !== "Div") return null;
  const number = (value: Value | null) => {
    const values = value && active.has(value) ? null : numbersOf(value);
    return values?.length === 1 ? values[0] : null;
  };
  for (const value of factorsOf(node, number, null).values) {
    const gated = gateOf(value, number);
    if (!gated) continue;
    const { factor, values } = factorsOf(node, number, gated.x);
    const whole = values.length === 2 && values.includes(gated.x) && values.includes(value);
    if (whole && near(factor, gated.factor)) return gated;
  }
  return null;
}

const near = (a: number, b: number) => Math.abs(a / b - 1) < 1e-5;

/** Maximum nesting of products in such an activation. */
const DEEPEST = 3;

/** Returns the factors of a node: a number, and values, with products expanded except for `x`. */
function factorsOf(node: Node, number: Numbers, x: Value | null, depth = 0) {
  const factors = { factor: 1, values: [] as Value[] };
  for (const [k, value] of node.inputs.entries()) {
    const known = number(value);
    const maker = value === x ? null : value?.producer;
    if (known !== null) factors.factor *= node.op === "Div" && k === 1 ? 1 / known : known;
    else if (maker && isProduct(maker, number) && depth < DEEPEST) {
      const inner = factorsOf(maker, number, x, depth + 1);
      factors.factor *= inner.factor;
      factors.values.push(...inner.values);
    } else if (value) factors.values.push(value);
  }
  return factors;
}

const isProduct = ({ op, inputs }: Node, number: Numbers) =>
  op === "Mul" || (op === "Div" && number(inputs[1]) !== null);

/** Returns the activation that a value is the gate of; null for any other value. */
function gateOf({ producer, name }: Value, number: Numbers): Gated | null {
  switch (producer?.op) {
    case "Clip": {
      const x = lessNumber(producer.inputs[0], number, 3);
      const bound = (k: number, name: string) =>
        producer.inputs[k] ? number(producer.inputs[k]) : (attribute(producer, name)?.f ?? null);
      if (!x || bound(1, "min") !== 0 || bound(2, "max") !== 6) return null;
      const slope = (at: GradientNode) => hardSwishSlope(at, at.op.Div(name, at.scalar(6)));
      return { x, factor: 1 / 6, slope, slopeFactor: 0.5, isClip: true };
    }
    case "HardSigmoid": {
      const [alpha, beta] = ["alpha", "beta"].map((name) => attribute(producer, name)?.f);
      if (!near(alpha ?? 0.2, 1 / 6) || !near(beta ?? 0.5, 0.5)) return null;
      const slope = (at: GradientNode) => hardSwishSlope(at, name);
      return { x: producer.inputs[0]!, factor: 1, slope, slopeFactor: 0.5 };
    }
    case "Sigmoid": {
      // s + y (1 − s)
      const slope = (at: GradientNode) => at.op.Add(name, at.op.Mul(at.y, fromOne(at, name)));
      return { x: producer.inputs[0]!, factor: 1, slope };
    }
    case "Add":
      return geluOf(producer, number);
    default:
      return null;
  }
}

/** Returns the Gelu that 1 + erf(x / √2) or its tanh form is the gate of; null for any other sum. */
function geluOf({ outputs: [gate] }: Node, number: Numbers): Gated | null {
  const curve = lessNumber(gate, number, 1)?.producer;
  const input = curve?.inputs[0];
  if (curve?.op === "Tanh" && input) return tanhFormOf(input, number);
  const inner = curve?.op === "Erf" ? input?.producer : null;
  if (!inner || !isProduct(inner, number)) return null;
  const { factor, values } = factorsOf(inner, number, null, DEEPEST);
  if (values.length !== 1 || !near(factor, Math.SQRT1_2)) return null;
  const [x] = values;
  return { x, factor: 0.5, slope: (at) => geluSlope(at, x.name, inner.op === "Div") };
}

/** Returns the Gelu that 1 + tanh(k x + m x³) is the gate of; null for the tanh of any other value. */
function tanhFormOf(input: Value, number: Numbers): Gated | null {
  const fits = ([zero, k, none, m]: readonly number[]) => !zero && !none && k > 0 && m > 0;
  const cubic = polynomialOf(input, number, fits);
  if (!cubic) return null;
  const [x, [, k, , m]] = [cubic.x, cubic.polynomial];
  return { x, factor: 0.5, slope: (at) => tanhFormSlope(at, x.name, { k, m }) };
}

/** Returns x of x + number; null for any other value. */
function lessNumber(value: Value | null, number: Numbers, wanted: number): Value | null {
  const node = value?.producer;
  if (node?.op !== "Add") return null;
  const [a, b] = node.inputs;
  if (number(b) === wanted) return a;
  return number(a) === wanted ? b : null;
}

/** A slope that is steep from one float32 beside 0 or 1 to the next. */
const STEEP = 2 ** 100;

/**
 * Writes twice the slope of x h, h = clip(x/6 + ½, 0, 1): the slope is 2 h − ½ where h is not
 * clipped, otherwise h. So twice the slope is 4 h − 2, plus 1 if h is 0, plus 1 unless h is 1. Of an
 * image, these operators keep onnxruntime's layout; a difference of two values does not.
 */
export function hardSwishSlope(at: GradientNode, h: string): string {
  const { op, write, scalar, dtype } = at;
  if (dtype !== "float") {
    const twice = op.Mul(h, scalar(2));
    const inside = write.sign(op.Mul(h, op.Sub(scalar(1), h)), dtype);
    return op.Add(twice, op.Mul(inside, op.Sub(twice, scalar(1))));
  }
  const isZero = op.HardSigmoid(h, { alpha: float(-STEEP), beta: float(1) });
  const isLess = op.HardSigmoid(h, { alpha: float(-STEEP), beta: float(STEEP) });
  return op.Add(op.Add(affine(at, h, 4, -2), isZero), affine(at, isLess, 1, 0));
}
