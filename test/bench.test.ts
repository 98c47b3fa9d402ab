import { describe, expect, it } from "vitest";
import { chosenParts } from "./bench/parts.ts";

describe("the words after npm run bench --", () => {
  it.each<[string, object]>([
    ["steps", { steps: null }],
    ["nodes start", { nodes: null, start: null }],
    ["file 0.2 external steps", { file: 0.2, external: 13, steps: null }],
  ])("%s", (words, parts) => {
    expect(Object.fromEntries(chosenParts(words.split(" ")))).toEqual(parts);
  });

  it("mean every part if there are none", () => {
    expect([...chosenParts([]).keys()].length).toBeGreaterThan(6);
  });

  it.each<[string, RegExp]>([
    ["step", /^bench has no part step; did you mean steps\? It has .*\.$/],
    ["file steps2", /^bench has no part steps2; /],
    ["steps 3", /^bench has no part 3; it has file, .*\.$/],
    ["file 0", /^the size of file must be a positive number of gigabytes \(got 0\)\.$/],
    ["file file", /^bench has file twice\.$/],
  ])("are refused in a sentence: %s", (words, sentence) => {
    expect(() => chosenParts(words.split(" "))).toThrow(sentence);
  });
});
