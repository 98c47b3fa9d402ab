/**
 * Returns the same key for names that some file system treats as equal: names that differ only in
 * case, in Unicode form, or in the dots and spaces at their ends.
 */
export const fileKey = (name: string): string =>
  name
    .normalize("NFD")
    .toUpperCase()
    .toLowerCase()
    .normalize("NFD")
    .replace(/[. ]+$/, "");
