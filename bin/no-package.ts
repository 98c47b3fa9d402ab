/**
 * Stands for what yargs looks a package.json up with, for a version that it is given anyway: it would
 * read one of the working folder, or of a folder around it.
 */
const noPackage = (): undefined => undefined;

export { noPackage as default };
