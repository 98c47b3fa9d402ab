/** What is wrong with a command line, in this tool's words; the keys are yargs' own. */
export const WORDS = {
  "Not enough non-option arguments: got %s, need at least %s": {
    one: "too few files are named: %s instead of %s",
    other: "too few files are named: %s instead of %s",
  },
  "Unknown argument: %s": {
    one: "%s is not understood; is it, or a command before it, mistyped or one too many?",
    other: "%s are not understood; are they, or a command before them, mistyped or too many?",
  },
  "Not enough arguments following: %s": "%s takes a value",
} as unknown as Record<string, string>;
