import { InputError } from "../../src/errors.ts";
import type { FoundResiduals } from "./search.ts";

/** The model has no residual connection, or none is chosen. */
export class NoSiteError extends InputError {
  override name = "NoSiteError";
  override readonly code = "no-site";
  override readonly exitCode = 3;
  readonly found: FoundResiduals;
  constructor(found: FoundResiduals, name: string) {
    super(found.sites.length === 0 ? noSite(found, name) : noneChosen(found, name));
    this.found = found;
  }
}

function noSite({ rejected, warnings }: FoundResiduals, name: string): string {
  const sums = (count: number, kind: string) => `${count} ${kind}${count === 1 ? "sum" : "sums"}`;
  const axisless = rejected.filter((one) => one.axisless);
  const closed = rejected.filter(({ code }) => code === "closed" || code === "blocked");
  const calls = rejected.filter(({ node }) => node.callee !== null);
  const kinds = [...new Set(rejected.flatMap(({ kind }) => kind ?? []))].sort();
  if (calls.length > 0)
    return `${name} has no visible residual connection: ${calls[0].output.name} ${calls[0].reason}.`;
  if (closed.length > 0)
    return `${name} has ${sums(closed.length, "")} that cannot be changed in place: ${closed[0].output.name} ${closed[0].reason}.`;
  if (axisless.length > 0)
    return `${name} has ${sums(axisless.length, "residual ")}, none with a feature axis (${axisless[0].reason}).`;
  if (kinds.length > 0)
    return `${name} has residual connections only of optional kinds; pass --also ${kinds.join(",")} to use them.`;
  if (warnings.length > 0) return `${name} has no visible residual connection: ${warnings[0]}`;
  if (rejected.length === 0)
    return `${name} has no residual connection, and no sum that could be one.`;
  return `${name} has no residual connection; laurelize inspect ${name} --why lists the reason for each sum.`;
}

function noneChosen({ sites }: FoundResiduals, name: string): string {
  const { length } = sites;
  const one = `the one residual connection of ${name}`;
  if (sites.every(({ kind }) => kind === "laurel"))
    return `${length === 1 ? one : `each of the ${length} residual connections of ${name}`} is LAuReL already; --again adds to it.`;
  return `${length === 1 ? `${one} is not` : `none of the ${length} residual connections of ${name} is`} chosen; loosen --include, --exclude, --stream or --every (laurelize inspect ${name} lists the names).`;
}

/** The model contains LAuReL of this tool, but its metadata does not say so. */
export class RecognizedError extends InputError {
  override name = "RecognizedError";
  override readonly code = "recognized";
  readonly sites: number;
  constructor(name: string, sites: number) {
    const at = `${sites} ${sites === 1 ? "site" : "sites"}`;
    super(
      `${name} is already laurelized: LAuReL is recognized at ${at} by its structure, although the metadata is gone; set again to laurelize it once more.`,
    );
    this.sites = sites;
  }
}
