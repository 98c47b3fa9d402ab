import { type Graph, typeOfInfo } from "../graph/graph.ts";
import { canBeSame, showShape, type Type } from "../onnx/dtypes.ts";
import { type Finding, finding } from "./finding.ts";

type Kind = "input" | "output";

/**
 * Compares names, types and order of inputs and outputs. A size that the first leaves unknown may
 * be known in the second; a name or a size that is lost or changed is a difference. `apart` is a
 * sentence if the two cannot be given the same inputs; otherwise null.
 */
export function signatureDifference(a: Graph, b: Graph) {
  const inputs = differences("input", a, b);
  const unlike = inputs.filter(({ harmless, code }) => !harmless && code === undefined);
  const why = unlike.map(({ where, what }) => `${where} ${what}`).join("; ");
  return {
    findings: [...inputs, ...differences("output", a, b)],
    apart: why === "" ? null : `the two cannot be given the same inputs: ${why}.`,
  };
}

const portsOf = ({ file, main }: Graph, kind: Kind): ReadonlyMap<string, Type | null> => {
  const infos = new Map(file.graph[`${kind}s`].map((info) => [info.name, typeOfInfo(info)]));
  return new Map(main[`${kind}s`].map(({ name }) => [name, infos.get(name) ?? null]));
};

function differences(kind: Kind, a: Graph, b: Graph): Finding[] {
  const [x, y] = [portsOf(a, kind), portsOf(b, kind)];
  const findings: Finding[] = [];
  const note = (name: string, what: string, more: Partial<Finding> = {}) =>
    findings.push({ ...finding("signature", `${kind} ${name}`, what), ...more });
  for (const [name, type] of x) {
    if (!y.has(name)) note(name, "is only in the first");
    else compareTypes(kind, type, y.get(name)!, (what, more) => note(name, what, more));
  }
  for (const name of y.keys()) if (!x.has(name)) note(name, "is only in the second");
  const [left, right] = [x, y].map((ports) => [...ports.keys()]);
  if (findings.every(({ harmless }) => harmless) && left.join("\0") !== right.join("\0")) {
    const what = `are in another order: ${left.join(", ")} in the first, ${right.join(", ")} in the second`;
    findings.push({ ...finding("signature", `${kind}s`, what), code: "order" });
  }
  return findings;
}

function compareTypes(
  kind: Kind,
  x: Type | null,
  y: Type | null,
  note: (what: string, more?: Partial<Finding>) => void,
): void {
  if (!x || !y) return;
  if (x.dtype !== y.dtype) {
    note(`is ${x.dtype} in the first, ${y.dtype} in the second`);
    return;
  }
  if (!x.shape || x.shape.join("\0") === y.shape?.join("\0")) return;
  if (!y.shape) {
    note(`has the shape ${showShape(x.shape)} in the first, none in the second`, { code: "shape" });
    return;
  }
  const fits = canBeSame(x.shape, y.shape);
  const narrower = x.shape.some(
    (dim, axis) => typeof dim !== "number" && typeof y.shape![axis] === "number",
  );
  const shapes = `${showShape(x.shape)} in the first, ${showShape(y.shape)} in the second`;
  if (kind === "input" && fits && narrower) note(`takes ${shapes}`, { code: "narrower" });
  else {
    const harmless = fits && x.shape.every((dim, axis) => dim === "" || dim === y.shape![axis]);
    note(`has the shape ${shapes}`, { harmless, ...(fits && !harmless ? { code: "shape" } : {}) });
  }
}
