import { compareTensors } from "../../src/compare/difference.ts";
import { type Node, outputsOf, type Value } from "../../src/graph/graph.ts";
import { walk } from "../../src/graph/walk.ts";
import type { DenseTensor } from "../../src/onnx/new-node.ts";
import type { InsertedSite } from "../laurelize/insert.ts";
import { changeBetween, type Movement, within } from "./effects.ts";
import { type LearningRuns, moved, type Round, valuesAt } from "./learning-runs.ts";

/** The share of a displacement that is used to pass later sites, whose own effects are then larger. */
const SMALL = 1 / 64;
/** Maximum number of movements that are sent past other sites: each searches for the sums that it must pass. */
const SENT = 24;

/**
 * What one run shows for many sites. A small movement that changes an output has passed the sum of
 * each later site that lies on every path to the outputs. Whatever changes such a sum in the same
 * elements, by at least as much, changes the output too, so it need not be run.
 */
export class Passing {
  readonly #runs: LearningRuns;
  readonly round: Round;
  readonly outputs: readonly string[];
  /** Movements that arrived, at the sums that they passed. */
  readonly #passed = new Map<InsertedSite, Movement>();
  /** Names of tensors that were sent and arrived. */
  readonly sent = new Set<string>();
  /** How many may still be sent; 0 after one was lost. */
  #left: number;

  constructor(runs: LearningRuns, round: Round, outputs: readonly string[]) {
    this.#runs = runs;
    this.round = round;
    this.outputs = outputs;
    const { values } = runs.result.main;
    const canPass = round.point.scale <= 1 && outputs.every((name) => values.has(name));
    this.#left = canPass ? SENT : 0;
  }

  /** Whether a change of a site's sum is known to arrive. */
  arrives(inserted: InsertedSite, change: Movement): boolean {
    const movement = this.#passed.get(inserted);
    if (!movement || movement.count === 0) return false;
    return movement.norm <= change.norm && within(movement, change);
  }

  /** Sends the weakest tensor of the first site that has one. Returns whether it is seen to arrive. */
  async sendFirst(): Promise<boolean> {
    const { effects } = this.round;
    const k = effects.findIndex(([weakest]) => weakest?.change);
    return k >= 0 && this.send(this.#runs.groups.flat()[k], effects[k][0].tensor);
  }

  /** Displaces a site's tensor a little, past the later sites. Returns whether it is seen to arrive. */
  async send(inserted: InsertedSite, tensor: DenseTensor): Promise<boolean> {
    if (this.#left === 0 || this.#sumOf(inserted) === null) return false;
    const gates = [inserted, ...this.#gatesBehind(inserted, tensor)];
    const arrived = await this.#run(gates, tensor).catch(() => false);
    if (!arrived) this.#left = 0;
    else if (gates.length > 1) this.#left--;
    if (arrived) this.sent.add(tensor.name);
    return arrived;
  }

  async #run(gates: readonly InsertedSite[], tensor: DenseTensor): Promise<boolean> {
    const { running, exposed } = this.#runs;
    const { point, still } = this.round;
    const names = gates.map(({ site }) => exposed.outputOf(site.output)!);
    const before = await valuesAt(this.#runs, point, names);
    const small = moved(this.#runs, { ...point, scale: point.scale * SMALL }, tensor);
    const after = await running({ ...point.feeds, ...small }, [...Object.keys(still), ...names]);
    if (this.outputs.every((name) => compareTensors(still[name], after[name]).bitEqual))
      return false;
    for (const [k, gate] of gates.entries()) {
      const movement = changeBetween(before[names[k]], after[names[k]]);
      const known = this.#passed.get(gate);
      if (!known || movement.norm < known.norm) this.#passed.set(gate, movement);
    }
    return true;
  }

  /**
   * Returns later sites whose operands are held at once with this one's, and whose weakest tensor
   * is not known to arrive. Paths begin at the tensor, because several sites may share it.
   */
  #gatesBehind(inserted: InsertedSite, { name }: DenseTensor): InsertedSite[] {
    const group = this.#runs.groups.find((sites) => sites.includes(inserted)) ?? [];
    const untold = group.slice(group.indexOf(inserted) + 1).filter((gate) => !this.#isTold(gate));
    const from = this.#runs.result.main.values.get(name);
    if (!from || untold.length === 0) return [];
    const gates = gatesFrom(from, this.outputs);
    return untold.filter((gate) => gates.has(this.#sumOf(gate)!));
  }

  #isTold(inserted: InsertedSite): boolean {
    const k = this.#runs.groups.flat().indexOf(inserted);
    const change = this.round.effects[k][0]?.change;
    return !change || this.arrives(inserted, change);
  }

  #sumOf({ site: { output } }: InsertedSite): Value | null {
    const { result, exposed } = this.#runs;
    const isInMain = output.scope.kind === "main" && exposed.outputOf(output) !== null;
    return isInMain ? (result.main.values.get(output.name) ?? null) : null;
  }
}

const placeOf = ({ producer }: Value) => producer?.index ?? -1;

/** The main graph's nodes that read a value, themselves or in a body. */
const readersOf = ({ uses, scope }: Value): Node[] =>
  uses.map(({ node }) => {
    let reader = node;
    while (reader.scope !== scope) reader = reader.scope.owner!;
    return reader;
  });

/** Returns the values of the main graph through which all paths from one value to the outputs lead. */
function gatesFrom(from: Value, outputs: readonly string[]): ReadonlySet<Value> {
  const behind = [...walk([from], (value) => readersOf(value).flatMap(outputsOf))].sort(
    (a, b) => placeOf(a) - placeOf(b),
  );
  const gates = new Set<Value>();
  // The last node, in their order, that reads something before the value.
  let last = -1;
  for (const [k, value] of behind.entries()) {
    const place = placeOf(value);
    const isAlone = [k - 1, k + 1].every((at) => !behind[at] || placeOf(behind[at]) !== place);
    if (last <= place && isAlone) gates.add(value);
    if (outputs.includes(value.name)) break;
    for (const node of readersOf(value)) last = Math.max(last, node.index);
  }
  return gates;
}
