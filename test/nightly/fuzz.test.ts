import { describe, expect, it } from "vitest";
import { seedlings } from "../fuzz/models.ts";
import { mutate, mutationNames } from "../support/mutate.ts";
import { seeded } from "../support/seeded.ts";

describe("the fuzz test", { timeout: 240_000 }, () => {
  it("uses every mutation, and the same of the same seed", async () => {
    const models = seedlings();
    const did = new Set<string>();
    for (let seed = 0; seed < 1000; seed++) {
      const one = async () => {
        const draw = seeded(seed, "all");
        const group = draw.one(["fixture", "package"]);
        const some = models.filter((model) => model.group === group);
        return mutate(draw, await draw.one(some).fields(), await draw.one(some).fields());
      };
      const mutant = await one();
      for (const name of mutant.did) did.add(name);
      if (seed % 200 === 0) expect(await one()).toEqual(mutant);
    }
    expect([...mutationNames].filter((name) => !did.has(name))).toEqual([]);
  });
});
