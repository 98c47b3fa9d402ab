import fs from "node:fs";
import path from "node:path";
import { commandNames, commandsHere } from "./commands/index.ts";
import { RUN_HERE } from "./fork-child.ts";
import { WIDTH } from "./help.ts";
import { main } from "./main.ts";

// Part of the build: writes the help texts that `helpText` reads, as the parser lays them out, and
// the names of the commands that `forkAhead` leaves to this process.

let said = "";
console.log = (text: string) => {
  said += `${text}\n`;
};
process.stdout.columns = WIDTH;

const texts: Record<string, string> = {};
for (const command of commandNames) {
  const name = command === "laurelize" ? "" : command;
  said = "";
  await main([name, "--help"].filter(Boolean), async () => {});
  texts[name] = said;
}
fs.writeFileSync(path.join(import.meta.dirname, "help.json"), JSON.stringify(texts));
fs.writeFileSync(path.join(import.meta.dirname, RUN_HERE), JSON.stringify(commandsHere));
