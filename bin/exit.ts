/** Exit codes of the command line; 1 also of a training that diverges, which keeps its last good weights. */
export const EXIT = {
  done: 0,
  checkFailed: 1,
  diverged: 1,
  usage: 2,
  noSite: 3,
  notProved: 4,
  interrupted: 130,
} as const;
