import fs from "node:fs";
import path from "node:path";
import { camelCased } from "./commands/command.ts";

// Part of the build: editors show what an option of the API is for, which its declaration says once.

/** A declared option in a type declaration, whose properties are indented by four more spaces. */
const OPTION =
  /^( +)(?:readonly )?\w+: .*\{\n(?:\1 .*\n)*?\1 {4}readonly describe: ["`](.*)["`];\n(?:\1 .*\n)*?\1\}>?;/gm;

/** Returns the text of a comment: a sentence, and the default. */
function comment(option: string, describe: string): string {
  const [sentence, stated] = describe
    .replace("%s", "this")
    .replace(/--([a-z-]+)/g, (_, option) => camelCased(option))
    .split(/ {2}\[default: |\]$/);
  const value = stated ?? /^ +readonly default: (?!null)(.*);$/m.exec(option)?.[1];
  const capital = sentence[0].toUpperCase() + sentence.slice(1);
  return `${capital}.${value === undefined ? "" : ` Default: ${value}.`}`;
}

const dist = path.join(import.meta.dirname, "..");
for (const name of fs.readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  if (!name.endsWith(".d.ts")) continue;
  const file = path.join(dist, name);
  const documented = fs
    .readFileSync(file, "utf8")
    .replace(
      OPTION,
      (option, indent, describe) => `${indent}/** ${comment(option, describe)} */\n${option}`,
    );
  fs.writeFileSync(file, documented);
}
