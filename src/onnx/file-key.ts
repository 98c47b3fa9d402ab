/**
 * The same for names that some file system takes for one: those that differ in case, in Unicode
 * form, or in the dots and spaces at their ends.
 */
export const fileKey = (name: string): string =>
  name
    .normalize("NFD")
    .toUpperCase()
    .toLowerCase()
    .normalize("NFD")
    .replace(/[. ]+$/, "");
