/** Lists the first of some words for a sentence, and says how many more there are. */
export const listed = (words: readonly string[], most = 8): string =>
  words.slice(0, most).join(", ") + (words.length > most ? ` and ${words.length - most} more` : "");
