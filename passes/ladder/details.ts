import { grouped } from "../../src/figures.ts";
import { showShape } from "../../src/onnx/dtypes.ts";
import type { LadderRejection, LadderSite } from "./ladder.ts";
import type { EffectiveFactor, LagWeights } from "./laurel-weights.ts";

/** Formats a figure of at most four digits: 0.9873, 12.3, 1.2e-5. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const rounded = Number(value.toPrecision(4));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential(1) : String(rounded);
}

/** Returns what is known of a site, a line each. */
export function siteDetails(site: LadderSite): string[] {
  const { name, kind, stream, position, scope, shape, dtype, feature, skip, branch, norms } = site;
  const inside = scope === "main" ? "" : `, in ${scope}`;
  return [
    name,
    `stream ${stream}, position ${position}, ${kind}${inside}${site.chosen ? "" : ", not chosen"}`,
    `${dtype} ${showShape(shape)}, ${feature.size} features on axis ${feature.axis}`,
    `skip x: ${skip}`,
    `branch f: ${branch.join(", ")}`,
    `operators: ${operatorsText(site)}`,
    `${grouped(site.branchWeights)} weights in the branch`,
    ...site.laurel.flatMap(({ variant, parameters, alpha, beta, lags }) => [
      `${variant}: ${parameters > 0 ? `${grouped(parameters)} LAuReL weights` : "LAuReL weights are inputs of the model"}`,
      ...(alpha ? [`α ${factorText(alpha)}, β ${factorText(beta!)}`] : []),
      ...lags.map(lagText),
    ]),
    ...(norms ? [`‖x‖ ${digits(norms.skip)}, ‖f‖ ${digits(norms.branch)}`] : []),
  ];
}

const operatorsText = ({ operators }: LadderSite) =>
  operators.map(({ op, count }) => (count > 1 ? `${op} ×${count}` : op)).join(", ") || "none";

const factorText = ({ mean, smallest, largest }: EffectiveFactor) =>
  smallest === largest
    ? digits(mean)
    : `${digits(mean)} (${digits(smallest)} to ${digits(largest)})`;

const lagText = ({ lag, from, gamma, norm }: LagWeights) => {
  const parts = [
    ...(gamma === null ? [] : [`γ ${digits(gamma)}`]),
    ...(norm === null ? [] : [`‖AB‖ ${digits(norm)}`]),
  ].join(", ");
  return lag === 0 ? parts : `lag ${lag}${from === null ? "" : ` (skip of ${from})`}: ${parts}`;
};

const NAMED = 8;

/** Returns what is known of rejected sums that share a tick, a line each. */
export function rejectionDetails(sums: readonly LadderRejection[]): string[] {
  const [first] = sums;
  if (sums.length === 1)
    return [
      `${first.name} (${first.op}${first.scope === "main" ? "" : `, in ${first.scope}`})`,
      `not a site: ${first.reason}`,
      ...(first.kind ? [`--also ${first.kind} takes it`] : []),
    ];
  const more = sums.length - NAMED;
  return [
    `${grouped(sums.length)} sums that are not sites`,
    ...sums.slice(0, NAMED).map(({ name, reason }) => `${name}: ${reason}`),
    ...(more > 0 ? [`and ${grouped(more)} more`] : []),
  ];
}
