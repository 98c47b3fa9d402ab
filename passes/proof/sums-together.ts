import type { InferenceSession, Tensor } from "onnxruntime-common";
import { type Graph, type Node, outputsOf } from "../../src/graph/graph.ts";
import { valueLike } from "../../src/graph/scopes.ts";
import { type Ort, openSession, runFor, type Tensors, withSession } from "../../src/ort/session.ts";
import { isKernelLess } from "../../src/ort/unsupported-operators.ts";
import type { Site } from "../residuals/residual.ts";
import { nodesAlone, nodesBetween, runSums } from "./site-nodes.ts";

/** A site, and sets of tensors of the same names and types, on each of which its sum runs. */
export interface AskedSum {
  readonly site: Site;
  readonly sets: readonly Tensors[];
}

/** A site's sum on each of the sets; null if its nodes do not run alone. */
export interface GivenSums<Asked extends AskedSum> {
  readonly asked: Asked;
  readonly sums: readonly Tensor[] | null;
}

/** Sessions that stay open: the sums of a chain take two, because each is the next one's operand. */
const KEPT = 2;

/**
 * Runs the sums of sites as `runSums` does, those of many sites in one session, because opening a
 * session costs more than running a few nodes. The first sessions stay open for further runs.
 */
export class SiteSums {
  readonly #ort: Ort;
  /** Sessions by their sites and the types of their inputs. */
  readonly #kept = new Map<string, Together>();

  constructor(ort: Ort) {
    this.#ort = ort;
  }

  /** Yields the sums of sites in a graph, in any order. */
  async *of<Asked extends AskedSum>(
    graph: Graph,
    sites: readonly Asked[],
  ): AsyncGenerator<GivenSums<Asked>> {
    for (const { members } of batchesOf(graph, sites)) {
      const runs = members.length > 1 ? await this.#runs(graph, members).catch(() => null) : null;
      for (const { asked, name } of members) {
        const together = runs?.slice(0, asked.sets.length).map((run) => run[name]);
        const sums = together ?? (await runSums(this.#ort, graph, asked.site, asked.sets));
        yield { asked, sums };
      }
    }
  }

  /** Releases the sessions. */
  async close(): Promise<void> {
    for (const { session } of this.#kept.values()) await session.release();
    this.#kept.clear();
  }

  /** Runs sites of a batch on their sets, one after another; null if they do not stand alone. */
  async #runs(graph: Graph, members: readonly Member<AskedSum>[]): Promise<Tensors[] | null> {
    const sets = setsOf(members);
    const names = members.map(({ name }) => name);
    const types = Object.entries(sets[0]).map(([name, { type, dims }]) => [name, type, dims]);
    const key = JSON.stringify([names, types]);
    const known = this.#kept.get(key);
    const last = members.map(({ sum }) => sum!);
    const alone = known?.graph === graph ? known : nodesAlone(this.#ort, last, sets[0]);
    if (!alone) return null;
    const run = async (session: InferenceSession) => {
      const runs: Tensors[] = [];
      for (const set of sets) runs.push(await runFor(session, { ...alone.weights, ...set }, names));
      return runs;
    };
    if ("session" in alone) return run(alone.session);
    if (known || this.#kept.size === KEPT) return withSession(this.#ort, alone, "disabled", run);
    const session = await openSession(this.#ort, alone, "disabled", { briefly: true });
    this.#kept.set(key, { graph, session, weights: alone.weights });
    return run(session);
  }
}

/** A session on the nodes of some sites, and the weights that it is fed. */
interface Together {
  readonly graph: Graph;
  readonly session: InferenceSession;
  readonly weights: Tensors;
}

/** A site in a batch, and the node and name of its sum. */
interface Member<Asked> {
  readonly asked: Asked;
  readonly sum: Node | null;
  readonly name: string;
}

/** Sites that run in one session. */
interface Batch<Asked> {
  readonly members: Member<Asked>[];
  /** Names of the tensors that are given, and of the values that are computed. */
  readonly given: Set<string>;
  readonly made: Set<string>;
  /** Number of further elements that fit. */
  room: number;
}

/** Elements that a session is given at once: it holds all that it computes from them. */
const HELD = 1 << 23;

/** Sites in batches, none of which computes what it is given, or is given a tensor twice. */
function batchesOf<Asked extends AskedSum>(graph: Graph, sites: readonly Asked[]): Batch<Asked>[] {
  const batches: Batch<Asked>[] = [];
  const open: Batch<Asked>[] = [];
  for (const asked of sites) {
    const { site, sets } = asked;
    const sum = sumNodeOf(graph, site);
    const name = sum?.message.outputs[site.place] ?? "";
    const given = Object.keys(sets[0]);
    const made = sum
      ? nodesBetween([sum], sets[0]).flatMap((node) => outputsOf(node).map((value) => value.name))
      : [];
    const need = Object.values(sets[0]).reduce((all, { data }) => all + data.length, 0);
    const fits = (batch: Batch<Asked>) =>
      need <= batch.room &&
      !given.some((each) => batch.given.has(each) || batch.made.has(each)) &&
      !made.some((each) => batch.given.has(each));
    let batch = sum ? open.find(fits) : undefined;
    if (!batch) {
      batch = { members: [], given: new Set(), made: new Set(), room: HELD };
      batches.push(batch);
      if (sum) open.push(batch);
    }
    batch.members.push({ asked, sum, name });
    for (const each of given) batch.given.add(each);
    for (const each of made) batch.made.add(each);
    batch.room -= need;
  }
  return batches;
}

/** Returns the node whose output a site's sum is, if it is in the main graph and has a kernel; otherwise null. */
function sumNodeOf(graph: Graph, { output, place }: Site): Node | null {
  const node = valueLike(graph, output)?.producer;
  const isPlain = node?.scope.kind === "main" && node.message.outputs[place] && !isKernelLess(node);
  return isPlain ? node : null;
}

/** The sets of all sites, side by side. */
function setsOf(members: readonly Member<AskedSum>[]): Tensors[] {
  const count = Math.max(...members.map(({ asked }) => asked.sets.length));
  return Array.from(
    { length: count },
    (_, k): Tensors =>
      Object.assign({}, ...members.map(({ asked: { sets } }) => sets[k] ?? sets[0])),
  );
}
