import { ladderSummary, showShape } from "../../passes/internal.ts";
import { drawLadder, type Ladder, type LadderSite } from "../../src/index.ts";
import {
  type Columns,
  numberText,
  paragraph,
  type Section,
  table,
  tableSection,
} from "./markup.ts";

/** Returns the drawing, and a table of the parameters. */
export function ladderSections(ladder: Ladder): Section[] {
  const drawing = `<div class="drawing">${drawLadder(ladder)}</div>`;
  return [
    { title: "Ladder", content: drawing },
    ...(ladder.sites.length > 0 ? [parametersSection(ladder)] : []),
  ];
}

function parametersSection(ladder: Ladder): Section {
  const { sites, weights } = ladder;
  const laurelized = sites.some(({ laurel }) => laurel.length > 0);
  const added = sites.reduce((sum, site) => sum + addedAt(site), 0);
  const sentence = laurelized
    ? `${numberText(added)} LAuReL weights in a model of ${numberText(weights)} weights. α and β are effective values; ‖AB‖ is the Frobenius norm.`
    : `${ladderSummary(ladder)}.`;
  const shown = Object.entries(OF_LAUREL).filter(
    ([, cellOf]) => laurelized && sites.some((site) => cellOf(site) !== ""),
  );
  const parameters = table("Parameters of each site", sites, {
    site: ({ name }) => name,
    kind: ({ kind }) => kind,
    shape: ({ shape }) => showShape(shape),
    stream: ({ stream }) => stream,
    position: ({ position }) => position,
    branch: ({ label }) => label,
    "weights of the branch": ({ branchWeights }) => branchWeights,
    ...Object.fromEntries(shown),
    ...(sites.some(({ norms }) => norms) ? MEASURED : {}),
  });
  return { title: "Parameters", content: [paragraph(sentence), parameters].join("\n") };
}

const MEASURED: Columns<LadderSite> = {
  "‖x‖": ({ norms }) => norms?.skip ?? null,
  "‖f‖": ({ norms }) => norms?.branch ?? null,
};

const addedAt = ({ laurel }: LadderSite) =>
  laurel.reduce((sum, { parameters }) => sum + parameters, 0);

const listed = (values: readonly (number | null | undefined)[]) =>
  values
    .flatMap((value) => (value === null || value === undefined ? [] : numberText(value)))
    .join(" ");

const lagsOf = ({ laurel }: LadderSite) => laurel.flatMap(({ lags }) => lags);

/** Columns that are shown of a laurelized model, those without a number left out. */
const OF_LAUREL: Columns<LadderSite> = {
  "LAuReL weights": addedAt,
  α: ({ laurel }) => listed(laurel.map(({ alpha }) => alpha?.mean)),
  β: ({ laurel }) => listed(laurel.map(({ beta }) => beta?.mean)),
  γ: (site) => listed(lagsOf(site).map(({ gamma }) => gamma)),
  "‖AB‖": (site) => listed(lagsOf(site).map(({ norm }) => norm)),
};

/** Returns the sums that are not sites, with their reasons. */
export const rejectedSection = ({ rejected }: Ladder): Section[] =>
  tableSection("Other sums", "Sums that are not sites, and why", rejected, {
    sum: ({ name, scope }) => (scope === "main" ? name : `${scope}/${name}`),
    operator: ({ op }) => op,
    kind: ({ kind }) => kind ?? "",
    reason: ({ reason }) => reason,
  });
