import picocolors from "picocolors";

/**
 * Whether stdout shows colors: not with NO_COLOR, always with FORCE_COLOR, otherwise on a terminal.
 * @see https://no-color.org
 */
function isColored({ NO_COLOR, FORCE_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return process.stdout.isTTY === true && TERM !== "dumb";
}

/** Functions that color text for stdout. */
export const colors = picocolors.createColors(isColored(process.env));
