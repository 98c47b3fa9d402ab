import { numbersOf } from "../../src/graph/constants.ts";
import { attribute, type Graph, type Node, type Value } from "../../src/graph/graph.ts";
import { float } from "../../src/onnx/new-node.ts";
import { hardSwishSlope } from "./hard-swish.ts";
import { whereBelow } from "./indicators.ts";
import type { GradientNode } from "./rule.ts";

/** An activation x · gate(x) · factor written as several nodes, of which the last is given. */
interface Gated {
  readonly x: Value;
  /** ∂y/∂x, less a constant factor. */
  readonly slope: (at: GradientNode) => string;
  readonly slopeFactor: number;
  /** Whether the gate is a Clip, which a HardSigmoid can stand for. */
  readonly isClip: boolean;
}

/** A factor of such an activation: the operand of the gate, and the value of the whole. */
interface Gate {
  readonly x: Value;
  readonly factor: number;
  readonly slope: (at: GradientNode, x: string, gate: string) => string;
  readonly slopeFactor?: number;
}

/**
 * Matches HardSwish, Gelu and Swish as exporters write them if the opset lacks the operator. Where
 * it saves work, the gate's value, which the forward pass computes, gives the slope. Returns null for any
 * other node, and if one of the numbers is `active`, so that its gradient is requested.
 */
export function gatedBy(graph: Graph, active: ReadonlySet<Value>, node: Node): Gated | null {
  if (node.op !== "Mul" && node.op !== "Div") return null;
  const number = (value: Value | null) => {
    const values = value && active.has(value) ? null : numbersOf(graph, value);
    return values?.length === 1 ? values[0] : null;
  };
  for (const value of factorsOf(node, number, null).values) {
    const gate = gateOf(value, number);
    if (!gate) continue;
    const { factor, values } = factorsOf(node, number, gate.x);
    const whole = values.length === 2 && values.includes(gate.x) && values.includes(value);
    if (whole && near(factor, gate.factor))
      return {
        x: gate.x,
        slope: (at) => gate.slope(at, gate.x.name, value.name),
        slopeFactor: gate.slopeFactor ?? 1,
        isClip: value.producer?.op === "Clip",
      };
  }
  return null;
}

type Numbers = (value: Value | null) => number | null;

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

/** Returns the gate that makes a value. */
function gateOf({ producer }: Value, number: Numbers): Gate | null {
  switch (producer?.op) {
    case "Clip": {
      const x = lessNumber(producer.inputs[0], number, 3);
      const bound = (k: number, name: string) =>
        producer.inputs[k] ? number(producer.inputs[k]) : (attribute(producer, name)?.f ?? null);
      if (!x || bound(1, "min") !== 0 || bound(2, "max") !== 6) return null;
      // c = 6 h: (c + x) / 6 between, c / 6 elsewhere
      return { x, factor: 1 / 6, slope: (at, x, c) => sixth(at, at.op.Add(c, between(at, x))) };
    }
    case "HardSigmoid": {
      const [alpha, beta] = ["alpha", "beta"].map((name) => attribute(producer, name)?.f);
      if (!near(alpha ?? 0.2, 1 / 6) || !near(beta ?? 0.5, 0.5)) return null;
      return {
        x: producer.inputs[0]!,
        factor: 1,
        slope: (at, _, h) => hardSwishSlope(at, h),
        slopeFactor: 0.5,
      };
    }
    case "Sigmoid":
      // s + y (1 − s)
      return {
        x: producer.inputs[0]!,
        factor: 1,
        slope: ({ op, y, scalar }, _, s) => op.Add(s, op.Mul(y, op.Sub(scalar(1), s))),
      };
    case "Add": {
      const erf = lessNumber(producer.outputs[0], number, 1)?.producer;
      const inner = erf?.op === "Erf" ? erf.inputs[0]!.producer : null;
      if (!inner || !isProduct(inner, number)) return null;
      const { factor, values } = factorsOf(inner, number, null, DEEPEST);
      if (values.length !== 1 || !near(factor, Math.SQRT1_2)) return null;
      // Written differently from the model, or onnxruntime would keep the model's own.
      const times = inner.op === "Div";
      return {
        x: values[0],
        factor: 0.5,
        slope: (at, x) => normal(at, x, times),
      };
    }
    default:
      return null;
  }
}

/** Returns x of x + number; null for any other value. */
function lessNumber(value: Value | null, number: Numbers, wanted: number): Value | null {
  const node = value?.producer;
  if (node?.op !== "Add") return null;
  const [a, b] = node.inputs;
  if (number(b) === wanted) return a;
  return number(a) === wanted ? b : null;
}

const sixth = ({ op, scalar }: GradientNode, v: string) => op.Mul(v, scalar(1 / 6));

/**
 * Returns x if it is between −3 and 3, otherwise 0. Squares by Pow, which onnxruntime leaves in the
 * plain layout of x; Mul would take another reordering.
 */
const between = (at: GradientNode, x: string) =>
  at.op.Mul(x, whereBelow(at, at.op.Pow(x, at.scalar(2)), 9));

/**
 * Φ(x) + x φ(x) with Φ = ½ + ½ erf u, u = x / √2: all from x again. So x alone is kept, and
 * onnxruntime computes the activation itself in one operator.
 */
function normal({ op, scalar, dtype }: GradientNode, x: string, times: boolean) {
  const u = times ? op.Mul(x, scalar(Math.SQRT1_2)) : op.Div(x, scalar(Math.SQRT2));
  const density = op.Exp(op.Sub(scalar(-Math.log(2 * Math.PI) / 2), op.Mul(u, u)));
  const erf = op.Erf(u);
  const half = scalar(0.5);
  const Phi =
    dtype === "float"
      ? op.HardSigmoid(erf, { alpha: float(0.5), beta: float(0.5) })
      : op.Add(op.Mul(erf, half), half);
  return op.Add(Phi, op.Mul(x, density));
}
