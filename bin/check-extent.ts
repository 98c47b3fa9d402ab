import { InputError } from "../src/index.ts";

/** How far a proof goes, and options of its runs of the whole model. */
interface Extent {
  readonly prove: "full" | "sites" | "none";
  readonly allSites: boolean;
  readonly alsoWeb: boolean;
  readonly inputs: string | undefined;
}

/** Throws an InputError for options of a proof's runs of the whole model if there are none. */
export function checkExtent({ allSites, alsoWeb, inputs, prove }: Extent): void {
  const how = prove === "none" ? "--no-prove skips" : "--prove sites leaves out";
  for (const [option, given] of [
    ["--also-web", alsoWeb],
    ["--all-sites", allSites],
    ["--inputs", inputs !== undefined],
  ] as const)
    if (given && prove !== "full")
      throw new InputError(
        `${option} is only used when the whole model runs, which ${how}; give one of them.`,
      );
}
