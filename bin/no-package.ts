/** Replaces yargs' search for a package.json, because it is given the version. */
const noPackage = (): undefined => undefined;

export { noPackage as default };
