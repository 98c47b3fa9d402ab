import { drawLadder, type Ladder, type LadderSite } from "../../src/index.ts";
import { ladderSummary } from "../../src/internal.ts";
import {
  type CellValue,
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
  const heads = ["site", "kind", "shape", "stream", "position", "branch", "weights of the branch"];
  const laurel = sites.map(laurelCells);
  const shown = LAUREL_HEADS.map((_, k) => laurelized && laurel.some((cells) => cells[k] !== ""));
  const more = LAUREL_HEADS.filter((_, k) => shown[k]);
  const measured = sites.some(({ norms }) => norms) ? ["‖x‖", "‖f‖"] : [];
  const rows = sites.map((site, row): CellValue[] => [
    site.name,
    site.kind,
    `[${site.shape.map((dim) => dim || "?").join(", ")}]`,
    site.stream,
    site.position,
    site.label,
    site.branchWeights,
    ...laurel[row].filter((_, k) => shown[k]),
    ...(measured.length > 0 ? [site.norms?.skip ?? null, site.norms?.branch ?? null] : []),
  ]);
  const content = [
    paragraph(sentence),
    table("Parameters of each site", [...heads, ...more, ...measured], rows),
  ];
  return { title: "Parameters", content: content.join("\n") };
}

const LAUREL_HEADS = ["LAuReL weights", "α", "β", "γ", "‖AB‖"] as const;

const addedAt = ({ laurel }: LadderSite) =>
  laurel.reduce((sum, { parameters }) => sum + parameters, 0);

function laurelCells(site: LadderSite): CellValue[] {
  const { laurel } = site;
  const all = (values: readonly (number | null | undefined)[]) =>
    values
      .flatMap((value) => (value === null || value === undefined ? [] : [numberText(value)]))
      .join(" ");
  const lags = laurel.flatMap((one) => one.lags);
  return [
    addedAt(site),
    all(laurel.map(({ alpha }) => alpha?.mean)),
    all(laurel.map(({ beta }) => beta?.mean)),
    all(lags.map(({ gamma }) => gamma)),
    all(lags.map(({ norm }) => norm)),
  ];
}

/** Returns the sums that are not sites, with their reasons. */
export const rejectedSection = ({ rejected }: Ladder): Section[] =>
  tableSection(
    "Other sums",
    "Sums that are not sites, and why",
    ["sum", "operator", "kind", "reason"],
    rejected.map(({ name, op, scope, kind, reason }) => [
      scope === "main" ? name : `${scope}/${name}`,
      op,
      kind ?? "",
      reason,
    ]),
  );
