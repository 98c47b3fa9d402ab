/** Options that take several files. */
const LISTS: ReadonlySet<string> = new Set(["--data", "--eval"]);

/**
 * Names the option again before each further .npz that follows one, so that `--data part-*.npz`
 * takes all files that a shell makes of it and no other argument.
 */
export function withFileLists(args: readonly string[]): string[] {
  let list: string | null = null;
  let count = 0;
  return args.flatMap((arg) => {
    const [name] = arg.split("=");
    if (arg.startsWith("-")) {
      list = LISTS.has(name) ? name : null;
      count = arg === name ? 0 : 1;
      return [arg];
    }
    if (list === null) return [arg];
    count++;
    if (count === 1) return [arg];
    if (arg.endsWith(".npz")) return [list, arg];
    list = null;
    return [arg];
  });
}
