import onnxProto from "onnx-proto";

const { onnx } = onnxProto;

const WIDTH = 4;

/** A large graph of a simple form: its nodes, weights and what the outputs are. */
class Drawing {
  readonly node: object[] = [];
  readonly initializer: object[] = [];
  #free = 0;

  put(opType: string, ...given: (string | string[])[]): string {
    const input = given.flat();
    const output = `v${this.#free++}`;
    this.node.push({ name: `/${opType}.${output}`, opType, input, output: [output] });
    return output;
  }

  weight(...dims: number[]): string {
    const name = `w${this.initializer.length}`;
    const floatData = new Array(dims.reduce((a, b) => a * b, 1)).fill(0.1);
    this.initializer.push({ name, dims, dataType: 1, floatData });
    return name;
  }

  linear = (x: string) => this.put("MatMul", x, this.weight(WIDTH, WIDTH));
}

/** Graphs of about `count` nodes; each tells how many of its sums are residual connections. */
const forms = {
  /** Pre-norm residual blocks, one after the other. */
  blocks(drawing: Drawing, count: number) {
    let x = "x";
    const sites = Math.floor(count / 5);
    for (let k = 0; k < sites; k++) {
      const normed = drawing.put(
        "LayerNormalization",
        x,
        drawing.weight(WIDTH),
        drawing.weight(WIDTH),
      );
      x = drawing.put("Add", x, drawing.linear(drawing.put("Relu", drawing.linear(normed))));
    }
    return { last: x, sites };
  },
  /** One Sum of as many branches of x as there are nodes, and x. */
  wideSum(drawing: Drawing, count: number) {
    const terms = Array.from({ length: count - 1 }, () => drawing.linear("x"));
    return { last: drawing.put("Sum", ["x", ...terms]), sites: 0 };
  },
  /** The same sum as Adds of two, each of what is summed so far: only the first has a skip. */
  deepAdds(drawing: Drawing, count: number) {
    let sum = "x";
    for (let k = 0; k < count / 3; k++)
      sum = drawing.put("Add", sum, drawing.put("Relu", drawing.linear("x")));
    return { last: sum, sites: 1 };
  },
  /** The same sum the other way round, none of the inner Adds with a skip of its own. */
  deepAddsWithoutSkip(drawing: Drawing, count: number) {
    let sum = drawing.linear("x");
    for (let k = 0; k < count / 2; k++) sum = drawing.put("Add", drawing.linear("x"), sum);
    return { last: sum, sites: 0 };
  },
  /** Residual sums that all take the same x, one behind the other. */
  sharedSkip(drawing: Drawing, count: number) {
    const skip = drawing.linear("x");
    let at = skip;
    const sites = Math.floor(count / 3);
    for (let k = 0; k < sites; k++)
      at = drawing.put("Add", skip, drawing.put("Relu", drawing.linear(at)));
    return { last: at, sites };
  },
  /** A branch of products in a chain: squares, of which each has twice the paths, then gates. */
  products(drawing: Drawing, count: number) {
    const gate = drawing.put("Sigmoid", drawing.linear("x"));
    let at = drawing.linear("x");
    for (let k = 0; k < count / 2; k++) at = drawing.put("Mul", at, at);
    for (let k = 0; k < count / 2; k++) at = drawing.put("Mul", at, gate);
    return { last: drawing.put("Add", "x", at), sites: 1 };
  },
  /** No sum at all. */
  plain(drawing: Drawing, count: number) {
    let x = "x";
    for (let k = 0; k < count / 2; k++) x = drawing.put("Relu", drawing.linear(x));
    return { last: x, sites: 0 };
  },
};

export type LargeForm = keyof typeof forms;

export const largeForms = Object.keys(forms) as LargeForm[];

/** A model of about `count` nodes, and the number of its residual connections. */
export function largeGraph(form: LargeForm, count: number) {
  const drawing = new Drawing();
  const { last, sites } = forms[form](drawing, count);
  const dim = [{ dimParam: "n" }, { dimValue: WIDTH }];
  const info = (name: string) => ({ name, type: { tensorType: { elemType: 1, shape: { dim } } } });
  const graph = {
    name: form,
    node: drawing.node,
    initializer: drawing.initializer,
    input: [info("x")],
    output: [info(last)],
  };
  const opsetImport = [{ domain: "", version: 17 }];
  const model = onnx.ModelProto.fromObject({ irVersion: 8, opsetImport, graph });
  return { bytes: onnx.ModelProto.encode(model).finish(), nodes: drawing.node.length, sites };
}
