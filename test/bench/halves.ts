import { firstNaN } from "../../src/graph/tensor.ts";
import { median, times } from "./measure.ts";
import { goal, line } from "./print.ts";

const [COUNT, ROUNDS] = [16e6, 9];

/** The search for a NaN in data of float16 beside that in single precision, value by value, in turn. */
export function halves(): void {
  const [single, half] = [4, 2].map((width) => new Uint8Array(width * COUNT));
  const taken = (work: () => unknown) => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const rounds = times(ROUNDS, () => [
    taken(() => firstNaN("float", single)),
    taken(() => firstNaN("float16", half)),
  ]);
  const [once, other] = [0, 1].map((k) => median(rounds.map((round) => round[k])));
  line("\nlooking for NaN, ms", "float", "float16");
  line(`${COUNT / 1e6} million values`, once.toFixed(1), other.toFixed(1));
  goal("float16 beside float", other / once, 3, " x");
}
