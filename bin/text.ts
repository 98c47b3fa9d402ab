import {
  addedWeights,
  bytes,
  counted,
  grouped,
  insertedWeights,
  OPTIONAL_KINDS,
} from "../passes/internal.ts";
import type { FoundResiduals, Laurelized, Model } from "../src/index.ts";

/** Counts for a person: 483,360 or 25.6 M. */
export const count = (value: number) =>
  value < 1e6 ? grouped(value) : `${(value / 1e6).toPrecision(3)} M`;

/** Returns "4,238 new weights (+3.17 %)". */
export const addedText = (added: number, percent: number) =>
  `${grouped(added)} new weights (+${Number(percent.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 })} %)`;

/** Returns a small figure: 3.1e-6, or 0; units and percents from 1 to 999 are plain, 6 and 200. */
export const figure = (value: number) =>
  value === 0 || (value >= 1 && value < 999.5)
    ? String(Number(value.toPrecision(value < 100 ? 2 : 3)))
    : value.toExponential(1);

/** Returns "resnet50.onnx   IR 8, opset 17, 25.6 M weights and 4,238 of LAuReL, 97.4 MB". */
export function headline(model: Model, name = model.source.name): string {
  const opsets = [...model.file.opsets].map(([domain, version]) =>
    domain === "" ? `opset ${version}` : `${domain} ${version}`,
  );
  const inserted = insertedWeights(model);
  const own = model.weights - inserted.weights - inserted.constants;
  const more = inserted.weights > 0 ? ` and ${count(inserted.weights)} of LAuReL` : "";
  const facts = [
    `IR ${model.file.message.irVersion}`,
    ...opsets,
    `${count(own)} weights${more}`,
    bytes(model.size),
  ];
  return `${name}   ${facts.join(", ")}`;
}

/** One line on what was found: "16 residual sums in 4 streams (12 identity, 4 projected); 1 other Add". */
export function sums({ sites, rejected }: FoundResiduals, explained: boolean): string {
  const kinds = [...new Set(sites.map(({ kind }) => kind))].map(
    (kind) => `${sites.filter((site) => site.kind === kind).length} ${kind}`,
  );
  const streams = new Set(sites.map(({ stream }) => stream)).size;
  const residuals =
    sites.length === 0
      ? "no residual sum"
      : `${counted(sites.length, "residual sum")} in ${counted(streams, "stream")} (${kinds.join(", ")})`;
  const others = OPTIONAL_KINDS.flatMap((kind) => {
    const { length } = rejected.filter((rejection) => rejection.kind === kind);
    return length > 0 ? [`${length} ${kind}`] : [];
  });
  const also = others.length > 0 ? `, of them ${others.join(", ")} (--also)` : "";
  const hint = explained || rejected.length === 0 ? "" : " (inspect --why)";
  return `${residuals}; ${rejected.length} other ${rejected.length === 1 ? "Add" : "Adds"}${also}${hint}`;
}

/** Returns "rw+lr, rank 16: 4,238 new weights (+3.17 %)". */
export function insertedLine(laurel: Laurelized): string {
  const { plan, found } = laurel;
  const { added, percent } = addedWeights(laurel);
  const { rank, paMap } = plan.options;
  const has = (name: string) => plan.parts.some((part) => part.name === name);
  const ranked = has("lr") || (has("pa") && paMap === "low-rank") ? `, rank ${rank}` : "";
  const some =
    plan.sites.length < found.sites.length ? ` at ${counted(plan.sites.length, "site")}` : "";
  return `${plan.variant}${ranked}${some}: ${addedText(added, percent)}`;
}

/** Lines that are printed of a list without --all: with the others, one screen. */
const SCREEN = 12;

/** Returns the first lines, and how many more there are; with `all` every line. */
export const firstLines = (lines: readonly string[], all: boolean, indent: string) =>
  all || lines.length <= SCREEN
    ? lines
    : [...lines.slice(0, SCREEN), `${indent}and ${lines.length - SCREEN} more (--all lists them)`];
