import type { Tensor } from "onnxruntime-common";
import { dataOf, tensorOf, typeOfTensor } from "../../src/graph/constants.ts";
import { type Graph, inputsOf, type Node, outputsOf, type Value } from "../../src/graph/graph.ts";
import { valueLike } from "../../src/graph/scopes.ts";
import { walk } from "../../src/graph/walk.ts";
import { isInlined, skeleton } from "../../src/infer/skeleton.ts";
import { inFloat } from "../../src/infer/stand-in.ts";
import type { Type } from "../../src/onnx/dtypes.ts";
import { type Ort, runFor, type Tensors, withSession } from "../../src/ort/session.ts";
import { dtypeOf, tensorToRun } from "../../src/ort/tensors.ts";
import { isKernelLess, withNodeOutput, withPlainSum } from "../../src/ort/unsupported-operators.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import type { Plan } from "../laurelize/plan.ts";
import type { Site } from "../residuals/residual.ts";

/** A result that is proved: its original, what was inserted, and onnxruntime. */
export interface Subject {
  readonly ort: Ort;
  readonly original: Graph;
  readonly result: Graph;
  readonly plan: Plan;
}

/** Returns every value of the original that a site's inserted nodes read. */
export const operandsOf = ({ site, operands }: InsertedSite): Value[] => [
  site.skip.value,
  ...operands,
  ...site.branches.map(({ value }) => value),
];

/** Returns the constants that a site's sum adds besides its skip and branches, as a graph holds them. */
export async function constantTerms(
  ort: Ort,
  graph: Graph,
  { site }: InsertedSite,
): Promise<Tensor[]> {
  const slots = [site.skip, ...site.branches].map(({ use }) => use);
  const inner = new Set(slots.map(({ node }) => node));
  const others =
    site.form === "plain"
      ? site.node.inputs.filter(
          (value, index) =>
            value &&
            !slots.some((use) => use.node === site.node && use.index === index) &&
            !(value.producer && inner.has(value.producer)),
        )
      : [];
  return Promise.all(others.map((value) => constantTensor(ort, graph, value!)));
}

/** Returns what a constant holds in a graph. */
export async function constantTensor(ort: Ort, graph: Graph, value: Value): Promise<Tensor> {
  const own = valueLike(graph, value)!;
  const tensor =
    constantOf(ort, own) ?? (await runValue({ ort, graph }, { output: own }, [{}]))?.[0];
  if (!tensor) throw new Error(`the constant ${own.name} cannot be computed`);
  return tensor;
}

function constantOf(ort: Ort, value: Value): Tensor | null {
  const [bytes, type] = [dataOf(value), typeOfTensor(value)];
  return bytes && type ? tensorToRun(ort, type.dtype, bytes, type.shape as number[]) : null;
}

/**
 * Runs the nodes between the given tensors and a site's sum alone, with optimizations disabled, on
 * each set of tensors of the same names and types. If the sum is not a value of the graph, its node
 * outputs it. If that node has no kernel, the plain sum of its operands replaces it; if there are
 * no kernels for bfloat16, a float copy runs. Returns null if onnxruntime does not run the nodes,
 * or if none of them reads one of the tensors.
 */
export const runSums = (
  ort: Ort,
  graph: Graph,
  { node, output, place, skip, branches, bias }: Site,
  sets: readonly Tensors[],
): Promise<readonly Tensor[] | null> => {
  const terms = [skip, ...branches, ...(bias ? [bias] : [])].map(({ use }) => use);
  const places = terms.filter((use) => use.node === node).map(({ index }) => index);
  return runValue({ ort, graph }, { output, place, places }, sets);
};

/** A value that some nodes are run for. */
interface AskedValue {
  readonly output: Value;
  /** Which output of its node it is, present or not; by default the first. */
  readonly place?: number;
  /** The slots of its node whose plain sum may replace it. */
  readonly places?: readonly number[];
}

/** Runs the nodes between the tensors and an output of a node, present or not, like `runSums`. */
export async function runValue(
  { ort, graph }: { readonly ort: Ort; readonly graph: Graph },
  { output, place = 0, places = [] }: AskedValue,
  sets: readonly Tensors[],
): Promise<readonly Tensor[] | null> {
  const own = valueLike(graph, output);
  if (!own?.producer) return null;
  const alone = nodesAlone(ort, [own.producer], sets[0]);
  if (!alone) return null;
  const { [place]: present } = own.producer.message.outputs;
  const { model } = alone;
  const asked =
    isKernelLess(own.producer) && places.length > 1
      ? withPlainSum(model, own.name, places)
      : present
        ? { model, name: present }
        : withNodeOutput(model, own.name, place);
  const run = (bytes: Uint8Array) =>
    withSession(ort, { model: bytes }, "disabled", async (session) => {
      const sums: Tensor[] = [];
      for (const set of sets) {
        const got = await runFor(session, { ...alone.weights, ...set }, [asked.name]);
        sums.push(got[asked.name]);
      }
      return sums;
    }).catch(() => null);
  const sums = await run(asked.model);
  const copy = sums ? null : inFloat(asked.model);
  return copy ? run(copy) : sums;
}

/**
 * Returns the nodes between the given tensors and nodes' outputs as a model of their own, with the
 * weights to feed. Returns null if none of them reads one of the given tensors, or if a weight has
 * no value.
 */
export function nodesAlone(
  ort: Ort,
  last: readonly Node[],
  given: Tensors,
): { model: Uint8Array; weights: Record<string, Tensor> } | null {
  const nodes = nodesBetween(last, given);
  const read = new Set(nodes.flatMap(inputsOf));
  const fed = new Set([...read].filter(({ name }) => Object.hasOwn(given, name)));
  if (fed.size < Object.keys(given).length) return null;
  const weights: Record<string, Tensor> = Object.create(null);
  for (const value of read) {
    const tensor = tensorOf(value);
    if (!tensor || Object.hasOwn(given, value.name) || isInlined(tensor)) continue;
    const weight = constantOf(ort, value);
    if (!weight) return null;
    fed.add(value);
    weights[value.name] = weight;
  }
  const known = ({ name }: Value): Type | null =>
    Object.hasOwn(given, name) ? { dtype: dtypeOf(given[name]), shape: given[name].dims } : null;
  const shown = [...new Set(last.flatMap(outputsOf))];
  const part = skeleton(known, nodes, { fed, shown });
  return part && { ...part, weights };
}

/** Returns the nodes between the given tensors and some nodes, these included. */
export function nodesBetween(last: readonly Node[], given: Tensors): Node[] {
  const makersFor = (node: Node) =>
    inputsOf(node).flatMap(({ name, producer }) =>
      producer && !Object.hasOwn(given, name) ? [producer] : [],
    );
  return [...walk(last, makersFor)];
}
