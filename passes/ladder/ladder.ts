import { checkModel } from "../../src/arguments.ts";
import { firstFrom } from "../../src/entry.ts";
import type { Node, Scope } from "../../src/graph/graph.ts";
import type { Model } from "../../src/model.ts";
import type { FoundResiduals } from "../laurelize/search.ts";
import { type RejectionJson, rejectionJson, type SiteJson, siteJson } from "../residuals/json.ts";
import type { Rejection } from "../residuals/residual.ts";
import type { NormsOfSite } from "./activations.ts";
import {
  type BranchOperator,
  branchLabel,
  nodesOfBranch,
  operatorsOf,
  weightsRead,
} from "./branch-nodes.ts";
import { type LaurelWeights, weightsOfSites } from "./laurel-weights.ts";
import { checkFound, insertedInto, plainOperands } from "./operands.ts";

/** A site of a ladder, as plain data. */
export interface LadderSite extends SiteJson {
  /** Whether it is among the chosen sites. */
  readonly chosen: boolean;
  /** A short name of the branch: "Conv → BatchNorm → Relu → Conv". */
  readonly label: string;
  /** The branch's operators, in the order in which each occurs first. */
  readonly operators: readonly BranchOperator[];
  /** Number of float weights that the branch reads. */
  readonly branchWeights: number;
  /** What laurelize has inserted, first to last; empty if nothing was. */
  readonly laurel: readonly LaurelWeights[];
  /** Norms of skip and branch on sample inputs; null if they were not measured. */
  readonly norms: NormsOfSite | null;
}

/** A sum that is not a site, as plain data. */
export interface LadderRejection extends RejectionJson {
  readonly name: string;
  /** Number of sites computed before it. */
  readonly depth: number;
}

/** What a drawing of a model's residual connections shows, as plain data. */
export interface Ladder {
  /** The model's file name. */
  readonly model: string;
  /** Number of the model's float weights. */
  readonly weights: number;
  /** In the order in which they are computed. */
  readonly sites: readonly LadderSite[];
  readonly rejected: readonly LadderRejection[];
}

/** Longest label of a branch, in characters, before it is shortened to operators with weights. */
const LABEL = 46;

/** Number of nodes of branches that are walked over in all. */
const STEPS = 2e6;

/**
 * Returns the ladder of a model: its sites and rejected sums from `findResiduals`, with the LAuReL
 * weights that the model contains. `found` may be the result for the original and `model` the
 * laurelized or tuned one. Runs nothing.
 */
export function ladderOf(
  found: FoundResiduals,
  model: Model,
  norms: ReadonlyMap<string, NormsOfSite> = new Map(),
): Ladder {
  checkFound("ladderOf", found);
  checkModel("ladderOf", model);
  const weights = weightsOfSites(model);
  const inserted = insertedInto(found.lowered.model);
  const { order, before } = depths(found);
  const chosen = new Set(found.chosen);
  const limit = Math.max(200, STEPS / order.length);
  const sites = order.map((site): LadderSite => {
    const { skip, branches } = plainOperands(site, inserted);
    const nodes = nodesOfBranch(skip, branches, limit).filter((node) => !inserted.has(node));
    return {
      ...siteJson(site),
      skip: skip.name,
      branch: branches.map(({ name }) => name),
      chosen: chosen.has(site),
      label: branchLabel(nodes, LABEL),
      operators: operatorsOf(nodes),
      branchWeights: weightsRead(nodes),
      laurel: weights(site),
      norms: norms.get(site.name) ?? null,
    };
  });
  const rejected = found.rejected
    .map((rejection): LadderRejection => {
      const plain = rejectionJson(rejection);
      return { ...plain, name: plain.node || plain.output, depth: before(rejection) };
    })
    .sort((a, b) => a.depth - b.depth);
  return { model: model.source.name, weights: model.weights, sites, rejected };
}

/** Positions of a node and of the nodes around it, outermost first. */
type Depth = readonly number[];

/** Returns the sites in their order, those of a body at its node, and how many precede a sum. */
function depths({ sites, lowered }: FoundResiduals) {
  const { main } = lowered.model.graph;
  const sorted = sites
    .map((site) => ({ site, depth: depthOf(site.node, main) }))
    .sort((a, b) => compareDepths(a.depth, b.depth));
  return {
    order: sorted.map(({ site }) => site),
    before: ({ node }: Rejection) => {
      const depth = depthOf(node, main);
      return firstFrom(sorted.length, (k) => compareDepths(sorted[k].depth, depth) >= 0);
    },
  };
}

/**
 * Returns a node's position. A sum may be known from a model in which less is lowered: the node
 * that makes the same value in `main` gives its position. A function's nodes come last.
 */
function depthOf(node: Node, main: Scope): Depth {
  const path: number[] = [];
  let at = node;
  for (; at.scope.owner; at = at.scope.owner) {
    const { owner } = at.scope;
    path.unshift(owner.bodies.indexOf(at.scope), at.index);
  }
  const output = at.outputs.find((value) => value !== null);
  const same = output && main.values.get(output.name)?.producer;
  const last = at.scope.kind === "function" ? [Number.MAX_SAFE_INTEGER] : [];
  return [...last, (same ?? at).index, ...path];
}

function compareDepths(a: Depth, b: Depth): number {
  for (let k = 0; k < Math.min(a.length, b.length); k++) if (a[k] !== b[k]) return a[k] - b[k];
  return a.length - b.length;
}
