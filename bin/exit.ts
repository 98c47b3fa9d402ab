/** Exit codes of the command line. */
export const EXIT = { done: 0, checkFailed: 1, usage: 2, noSite: 3, notProved: 4 } as const;
