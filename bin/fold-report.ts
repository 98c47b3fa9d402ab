import type { FoldedModel, FoldedSite, FoldProof } from "../src/index.ts";
import { describeFunction, outputFailures } from "./check-lines.ts";
import { marks } from "./report-notes.ts";
import { counted, figure } from "./text.ts";

/** Returns what was folded, in lines: each site, and the proof. */
export function foldLines(
  input: string,
  { sites, factors, restored, maps: cost }: FoldedModel,
  proof: FoldProof,
): string[] {
  const plain = sites.filter(({ outcome }) => outcome === "plain").length;
  const maps = sites.filter(({ outcome }) => outcome === "low-rank").length;
  const parts = [
    `${plain} of ${counted(sites.length, "site")} folded completely`,
    ...(maps > 0 ? [`${maps} keep only their low-rank maps`] : []),
    ...(factors > 0 ? [`${counted(factors, "factor")} multiplied at run time`] : []),
  ];
  const summary = restored
    ? "no site changes anything: the result is the original, byte for byte"
    : parts.join(", ");
  return [
    `${input}   ${summary}`,
    ...sites.map(siteLine),
    ...mapLines(cost),
    "",
    ...proofLines(proof),
  ];
}

function mapLines(maps: FoldedModel["maps"]): string[] {
  if (!maps) return [];
  const share = `${Number((100 * maps.share).toPrecision(maps.share < 1 ? 2 : 3))} % of the model's multiply-adds`;
  return [`  low-rank maps   ${share}${maps.quantized ? ", in float beside the integers" : ""}`];
}

function siteLine({ site, outcome, alpha, beta, map, reasons }: FoldedSite): string {
  const parts = { α: alpha, β: beta, "low-rank map": map };
  const said = Object.entries(parts)
    .filter(([, state]) => state !== "none")
    .map(([name, state]) => `${name} ${state}`);
  const does = said.length > 0 ? said.join(", ") : "plain sum";
  const why = [...new Set(reasons.map(({ text }) => text))];
  return `  ${site}   ${outcome === "plain" && said.length === 0 ? "plain sum" : does}${why.length > 0 ? `: ${why.join("; ")}` : ""}`;
}

function proofLines({ function: same, float64 }: FoldProof): string[] {
  const first =
    same.outcome === "not run" ? `not run: ${same.reason}` : describeFunction({ ...same });
  const second =
    float64.outcome === "not run"
      ? `not run: ${float64.reason}`
      : `differs by ${figure(float64.difference)} (tolerance ${figure(float64.tolerance)})`;
  return [
    `${marks[same.outcome]} same function         ${first}`,
    ...(same.outcome === "not run" ? [] : outputFailures(same.outputs)),
    `${marks[float64.outcome]} same in float64       ${second}`,
  ];
}

/** Returns what `--json` prints. */
export const foldJson = (
  input: string,
  output: string | null,
  { sites, factors, restored, extent, maps, model }: FoldedModel,
  proof: FoldProof,
) => ({
  input,
  output,
  bytes: model.size,
  restored,
  extent,
  factors,
  maps,
  sites,
  proof,
});
