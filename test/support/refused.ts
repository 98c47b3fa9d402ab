import fs from "node:fs";
import { expect } from "vitest";
import { cli, type Ran } from "./cli.ts";

/** Expects exit 2, one sentence that says `word`, no stack trace, and `folder` as it was; soon. */
export function expectRefused(
  args: readonly string[],
  folder: string,
  word: string | RegExp,
  run: (args: readonly string[]) => Ran = cli,
) {
  const before = fs.readdirSync(folder);
  const start = performance.now();
  const { code, stderr } = run([...args, "--rank", "4"]);
  expect(stderr).toMatch(word);
  expect(stderr).toMatch(/^laurelize: [^\n]+\n$/);
  expect(stderr).not.toMatch(/\.[jt]s:\d|fault of laurelize/);
  expect(code).toBe(2);
  expect(fs.readdirSync(folder)).toEqual(before);
  expect(performance.now() - start).toBeLessThan(20_000);
}
