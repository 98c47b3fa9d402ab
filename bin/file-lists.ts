const FILE = /\.(npz|csv|tsv|jsonl|ndjson)$/;
const NUMBER = /^[\d.]+(e-?\d+)?$/;

/** Options that take several values, and what these look like. */
const LISTS: Readonly<Record<string, RegExp>> = {
  "--data": FILE,
  "--eval": FILE,
  "--mean": NUMBER,
  "--std": NUMBER,
};

/**
 * Names the option again before each further value. So `--data part-*.npz` takes all files that a
 * shell makes of it, and no other argument.
 */
export function withFileLists(args: readonly string[]): string[] {
  let list: string | null = null;
  let count = 0;
  return args.flatMap((arg) => {
    const [name] = arg.split("=");
    if (arg.startsWith("-")) {
      list = Object.hasOwn(LISTS, name) ? name : null;
      count = arg === name ? 0 : 1;
      return [arg];
    }
    if (list === null) return [arg];
    count++;
    if (count === 1) return [arg];
    if (LISTS[list].test(arg)) return [list, arg];
    list = null;
    return [arg];
  });
}
