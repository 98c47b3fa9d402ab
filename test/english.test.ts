import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const root = path.join(import.meta.dirname, "..");
const files = ["src", "passes", "bin"]
  .flatMap((room) =>
    fs
      .readdirSync(path.join(root, room), { recursive: true, encoding: "utf8" })
      .map((file) => path.join(room, file)),
  )
  .filter((file) => /\.(ts|md)$/.test(file))
  .concat("README.md")
  .map((file) => ({
    file,
    text: fs.readFileSync(path.join(root, file), "utf8").replace(/\s+(\* )?/g, " "),
  }));

describe("the language of code and documents", () => {
  it("spells as ONNX does, in American English", () => {
    const british = /(optimi|quanti|recogni|normali)s(e|ing|ation)|(?<!to)colour|centre|behaviour/i;
    expect(files.filter(({ text }) => british.test(text)).map(({ file }) => file)).toEqual([]);
  });

  it.each([
    "is no whole number",
    "from 1 on",
    "is made small",
    "held against",
    "is told",
    "are told",
    "made up",
    "made-up",
    "hand out",
    "handed out",
    "lead out",
    "led out",
    "sown",
    "settled",
    "unasked",
    "for want of",
    "starts? anew",
    "begins? anew",
    "from which on",
    "(?<!there )(is|are) no (?!(longer|loss)\\b)",
    "(?<!same )but for",
    "if it is none",
    "verify",
  ])("avoids %j", (phrase) => {
    const pattern = new RegExp(`\\b${phrase}\\b`, "i");
    expect(files.filter(({ text }) => pattern.test(text)).map(({ file }) => file)).toEqual([]);
  });
});
