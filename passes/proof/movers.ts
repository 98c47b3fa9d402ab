import { arrives, atRunningScale, type LearningRuns, moved, type Round } from "./learning-runs.ts";
import { Passing } from "./passing.ts";

/** Those of a round's tensors whose displacement changes one of the outputs; some may be known. */
export async function movers(
  runs: LearningRuns,
  round: Round,
  outputs: readonly string[],
  passing = new Passing(runs, round, outputs),
): Promise<ReadonlySet<string>> {
  const arrived = new Set<string>(passing.sent);
  for (const [k, inserted] of runs.groups.flat().entries()) {
    for (const { tensor, outdoes, change } of round.effects[k])
      if (
        arrived.has(tensor.name) ||
        outdoes.some((name) => arrived.has(name)) ||
        (change !== null &&
          (passing.arrives(inserted, change) || (await passing.send(inserted, tensor)))) ||
        (await atRunningScale(round.point.scale, (scale) =>
          arrives(runs, round, outputs, moved(runs, { ...round.point, scale }, tensor)),
        ))
      )
        arrived.add(tensor.name);
    runs.step();
  }
  return arrived;
}
