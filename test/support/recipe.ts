import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { cli } from "./cli.ts";

const page = fs.readFileSync(path.join(import.meta.dirname, "../recipes/README.md"), "utf8");

/** A recipe of the page: the files that it shows, and its command lines. */
export interface Recipe {
  readonly files: ReadonlyMap<string, string>;
  readonly commands: readonly string[];
}

/** The recipes of the page by their titles. */
export const recipes: ReadonlyMap<string, Recipe> = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const blocks = [...section.matchAll(/^```(\w+) ?(\S*)\n([\s\S]*?)^```$/gm)];
      const files = blocks.flatMap(([, , name, text]) => (name ? [[name, text] as const] : []));
      const commands = blocks
        .filter(([, language]) => language === "sh")
        .flatMap(([, , , text]) => text.trim().split("\n"));
      return [section.split("\n")[0], { files: new Map(files), commands }];
    }),
);

/** The ends of names of files, which a command line has relative to its folder. */
const FILE = /^[\w./-]+\.(onnx|npz|safetensors|json|txt)$/;

/** What a recipe's commands printed, each after its own line. */
type Said = ReadonlyMap<string, string>;

/**
 * Runs a recipe in a folder: writes its files, then each command of a kind that `runs` has or that
 * runs laurelize. Throws an error with all that a command printed if it fails.
 */
export async function follow(
  recipe: Recipe,
  folder: string,
  runs: Readonly<Record<string, (words: readonly string[]) => string | Promise<string>>>,
): Promise<Said> {
  for (const [name, text] of recipe.files) fs.writeFileSync(path.join(folder, name), text);
  const said = new Map<string, string>();
  for (const command of recipe.commands) {
    const [program, ...words] = wordsOf(command);
    const key = program === "npx" ? `npx ${words[0]}` : program;
    if (key === "npx laurelize") said.set(command, laurelize(words.slice(1), folder));
    else if (key in runs) said.set(command, await runs[key](words));
    else throw new Error(`the recipe's command is of no known kind: ${command}`);
  }
  return said;
}

/** The words of a command line as a shell splits them; quotes are single. */
const wordsOf = (command: string) =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);

function laurelize(words: readonly string[], folder: string): string {
  const ran = cli(words.map((word) => (FILE.test(word) ? path.join(folder, word) : word)));
  if (ran.code !== 0) throw new Error(`laurelize ${words.join(" ")}: ${ran.stderr}${ran.stdout}`);
  return ran.stdout;
}

/** Runs a program in a folder; throws an error with what it printed if it fails. */
export const program =
  (name: string, folder: string) =>
  (words: readonly string[]): string => {
    const env = { ...process.env, ORT_DISABLE_TELEMETRY: "1" };
    const { status, stdout, stderr } = spawnSync(name, words, {
      cwd: folder,
      encoding: "utf8",
      env,
    });
    if (status !== 0) throw new Error(`${name} ${words.join(" ")}: ${stderr}${stdout}`);
    return stdout;
  };
