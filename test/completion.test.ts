import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { cli, cliProcess, helpTexts } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";

const folder = temporaryFolder();
fs.writeFileSync(path.join(folder, "net.onnx"), "");
const script = (shell: string) => cli(["completion", shell]).stdout;
const has = (shell: string) => spawnSync(shell, ["--version"]).status === 0;

/** What bash offers for the last word of a command line. */
function offered(lines: readonly (readonly string[])[]): string[][] {
  const tries = lines.map(
    (words) =>
      `COMP_WORDS=(${["laurelize", ...words].map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; COMPREPLY=(); _laurelize; echo "\${COMPREPLY[*]}"`,
  );
  const { stdout, stderr } = spawnSync("bash", ["-c", [script("bash"), ...tries].join("\n")], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return stdout
    .split("\n")
    .slice(0, lines.length)
    .map((line) => line.split(" ").filter(Boolean));
}

describe("laurelize completion", () => {
  it("completes commands, options, values and files in bash", () => {
    const lines = [["insp"], ["comp"], ["net.onnx", "--vari"], ["net.onnx", "--variant", "rw+"]];
    const more = [
      ["inspect", "--why"],
      ["compare", "ne"],
      ["net.onnx", "--variant", "=", "rw"],
    ];
    expect(offered([...lines, ...more])).toEqual([
      ["inspect"],
      ["compare", "completion"],
      ["--variant"],
      ["rw+lr", "rw+pa", "rw+lr+pa"],
      ["--why"],
      ["net.onnx"],
      ["rw", "rw+lr", "rw+pa", "rw+lr+pa"],
    ]);
  });

  it.each(["bash", "zsh", "fish"])("knows in %s every option that the help lists", (shell) => {
    const text = script(shell);
    for (const command of ["finetune", "fold", "diff"]) {
      const stdout = helpTexts[command];
      const options = [...stdout.matchAll(/^ {2,6}(?:-\w, )?--([\w-]+)/gm)].map(([, name]) => name);
      expect(options.length).toBeGreaterThan(8);
      const line = text
        .split("\n")
        .filter((each) =>
          shell === "fish" ? each.includes(`_from ${command}'`) : each.includes(` ${command}) `),
        );
      const own = line.join("\n");
      const named = (name: string) => (shell === "fish" ? `-l ${name} ` : `--${name}`);
      // yargs itself adds --version to the help.
      const missing = options.filter((name) => !own.includes(named(name)));
      expect(
        missing.filter((name) => name !== "version"),
        command,
      ).toEqual([]);
    }
  });

  for (const shell of ["zsh", "fish"]) {
    const isThere = has(shell);
    if (!isThere)
      console.warn(`completion: ${shell} is not installed, so its script is not parsed`);
    it.skipIf(!isThere)(`is a script that ${shell} parses`, () => {
      const file = path.join(folder, `script.${shell}`);
      fs.writeFileSync(file, script(shell));
      expect(spawnSync(shell, ["-n", file], { encoding: "utf8" }).stderr).toBe("");
    });
  }

  it("takes the user's shell, and names the shells that it knows", () => {
    expect(cliProcess(["completion"], { SHELL: "/usr/bin/fish" }).stdout).toBe(script("fish"));
    const ran = cli(["completion", "powershell"]);
    expect([ran.code, ran.stdout]).toEqual([2, ""]);
    expect(ran.stderr).toContain("bash, zsh and fish (got powershell)");
  });
});
