import { called } from "../graph/graph.ts";
import type { AttributeMessage } from "../onnx/messages.ts";
import type { ModelFile } from "../onnx/model-file.ts";
import { equalRanges } from "../onnx/source.ts";
import { tensorDifference } from "./difference.ts";
import { type Finding, finding, titleIn } from "./finding.ts";
import type { Counterpart } from "./matching.ts";

/**
 * Returns the attributes that a node has lost, gained or changed. Graph attributes are compared
 * node by node elsewhere, and the tensors of the main graph's Constants as weights.
 */
export function attributeDifferences({ a: x, b: y }: Counterpart): Finding[] {
  const [a, b] = [x.scope.file, y.scope.file];
  const title = titleIn(x);
  if (x.op !== y.op) return [finding("node", title, `is a ${y.op} in the second`)];
  const findings: Finding[] = [];
  const note = (name: string, what: string) =>
    findings.push({
      ...finding("attribute", `attribute ${name} of ${title}`, what),
      subject: called(x),
    });
  const areSame = (left: AttributeMessage, right: AttributeMessage): boolean => {
    if (equalRanges(a, left.frame, b, right.frame)) return true;
    if (holdsGraphs(left)) return holdsGraphs(right);
    if (left.t && right.t) return tensorDifference(a, left.t, b, right.t) === null;
    return isPlain(left) && isPlain(right) && show(a, left) === show(b, right);
  };
  const right = new Map(y.message.attributes.map((each) => [each.name, each]));
  for (const left of x.message.attributes) {
    const other = right.get(left.name);
    right.delete(left.name);
    if (x.op === "Constant" && left.t && other?.t && x.scope.kind === "main") continue;
    if (!other) note(left.name, `is lost in the second (${show(a, left)} in the first)`);
    else if (!areSame(left, other))
      note(left.name, `is ${show(a, left)} in the first, ${show(b, other)} in the second`);
  }
  for (const [name, extra] of right)
    note(name, `is only in the second (${show(a, extra)}), while the first has the default`);
  return findings;
}

const holdsGraphs = ({ g, graphs }: AttributeMessage) => g !== null || graphs.length > 0;

const isPlain = ({ i, f, s, ints, floats }: AttributeMessage) =>
  i !== null || f !== null || s !== null || ints.length + floats.length > 0;

function show({ reader }: ModelFile, { i, f, s, ints, floats, t, refAttrName }: AttributeMessage) {
  if (s) return JSON.stringify(new TextDecoder().decode(reader.bytes(s)));
  if (ints.length > 0) return `[${ints.join(", ")}]`;
  if (floats.length > 0) return `[${floats.map(float).join(", ")}]`;
  if (f !== null) return float(f);
  if (i !== null) return String(i);
  return t ? "a tensor" : refAttrName || "of another value";
}

const float = (value: number) => String(Number(value.toPrecision(9)));
