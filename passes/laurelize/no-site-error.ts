import { InputError } from "../../src/errors.ts";
import type { FoundResiduals } from "./search.ts";

/** The model has no residual connection, or none is chosen. */
export class NoSiteError extends InputError {
  override name = "NoSiteError";
  override readonly code = "no-site";
  override readonly exitCode = 3;
  readonly found: FoundResiduals;
  constructor(found: FoundResiduals, name: string) {
    const { length } = found.sites;
    const axisless = found.rejected.filter(({ axisless }) => axisless);
    const closed = found.rejected.filter(({ code }) => code === "closed" || code === "blocked");
    const calls = found.rejected.filter(({ node }) => node.callee !== null);
    const kinds = [...new Set(found.rejected.flatMap(({ kind }) => kind ?? []))].sort();
    if (length === 0 && calls.length > 0)
      super(
        `${name} has no visible residual connection: ${calls[0].output.name} ${calls[0].reason}.`,
      );
    else if (length === 0 && closed.length > 0)
      super(
        `${name} has ${closed.length} ${closed.length === 1 ? "sum" : "sums"} that cannot be changed in place: ${closed[0].output.name} ${closed[0].reason}.`,
      );
    else if (length === 0 && axisless.length > 0)
      super(
        `${name} has ${axisless.length} residual ${axisless.length === 1 ? "sum" : "sums"}, none with a feature axis (${axisless[0].reason}).`,
      );
    else if (length === 0 && kinds.length > 0)
      super(
        `${name} has residual connections only of optional kinds; pass --also ${kinds.join(",")} to take them.`,
      );
    else if (length === 0 && found.warnings.length > 0)
      super(`${name} has no visible residual connection: ${found.warnings[0]}`);
    else if (length > 0 && found.sites.every(({ kind }) => kind === "laurel"))
      super(
        `${length === 1 ? "the one residual connection" : `each of the ${length} residual connections`} of ${name} is LAuReL already; --again adds to it.`,
      );
    else
      super(
        length === 0
          ? `${name} has no residual connection; laurelize inspect ${name} --why lists the reason for each sum.`
          : `${length === 1 ? "the one residual connection" : `none of the ${length} residual connections`} of ${name} is ${length === 1 ? "not " : ""}chosen; loosen --include, --exclude, --stream or --every.`,
      );
    this.found = found;
  }
}
