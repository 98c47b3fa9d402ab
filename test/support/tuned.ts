import { type Model, trainableWeights, weightOf, withWeights } from "laurelize";
import { uniform } from "../../src/graph/random.ts";

/** The model as training might leave it: other numbers in the weights that it would change. */
export function tuned(model: Model, seed: number, train: readonly string[] = []): Model {
  const weights = trainableWeights(model, train).map((name) => {
    const { dtype, data } = weightOf(model, name);
    const random = uniform(seed, name);
    const changed = new Uint8Array(data.length);
    const view = new DataView(changed.buffer);
    const wide = dtype === "float16" ? 2 : dtype === "double" ? 8 : 4;
    for (let at = 0; at < data.length; at += wide) {
      const value = random() - 0.5;
      if (wide === 8) view.setFloat64(at, value, true);
      else if (wide === 4) view.setFloat32(at, value, true);
      else view.setUint16(at, 0x3800 + Math.floor(random() * 1024), true);
    }
    return [name, changed] as const;
  });
  return withWeights(model, new Map(weights));
}
