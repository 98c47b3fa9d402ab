import type { Laurelization } from "../laurelize/manifest.ts";

/** A weight that is trained. */
export interface Trainable {
  readonly name: string;
  /** float, double, float16 or bfloat16. */
  readonly dtype: string;
  readonly dims: readonly number[];
  /** α, β or γ of LAuReL, or what they come from: not decayed. */
  readonly factor: boolean;
}

/** Roles of LAuReL's weights that are maps of features; all others are factors. */
const MAPS = /\.[AB]\d*$/;

/** The names of the weights that are factors. */
export const factorsOf = (laurelizations: readonly Laurelization[]): ReadonlySet<string> =>
  new Set(
    laurelizations.flatMap(({ sites }) =>
      sites.flatMap(({ parameters }) =>
        Object.entries(parameters).flatMap(([role, name]) => (MAPS.test(role) ? [] : [name])),
      ),
    ),
  );
