/** What is wrong with a command line, in this tool's words; the keys are yargs' own. */
export const WORDS = {
  "Not enough non-option arguments: got %s, need at least %s": {
    one: "too few files are named: %s instead of %s",
    other: "too few files are named: %s instead of %s",
  },
  "Not enough arguments following: %s": "%s takes a value",
} as unknown as Record<string, string>;
