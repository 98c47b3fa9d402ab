import { lowRank, lowRankFormula, lowRankOptions, lowRankParameters } from "./low-rank.ts";
import { variant } from "./variant.ts";

/** LAuReL-LR, equation 3: y = f + x + (x A) B. B starts at zero. 2rD parameters per site. */
export const lr = variant({
  name: "lr",
  options: lowRankOptions,
  parameters: (place, options) => lowRankParameters(place, options),
  addends: ({ op, parameters: { A, B }, place }, [x]) => [lowRank(op, [{ x, A, B }], place)],
  addendFormula: (stating, [x]) => lowRankFormula(stating, x),
});
