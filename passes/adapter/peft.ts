import { checkArgument } from "../../src/arguments.ts";
import { InputError } from "../../src/errors.ts";
import { parameterNames } from "../laurelize/manifest.ts";
import { type Adapter, checkAdapter } from "./adapter.ts";

/** What an adapter_config.json beside an adapter holds, under the names that PEFT gives such facts. */
export interface PeftConfig {
  /** "LAUREL", which is not one of PEFT's types. */
  readonly peft_type: string;
  readonly task_type: null;
  readonly base_model_name_or_path: string | null;
  readonly revision: null;
  readonly inference_mode: true;
  readonly auto_mapping: null;
  /** The rank; null if the variant has no low-rank map. */
  readonly r: number | null;
  /** The names of the sites. */
  readonly target_modules: readonly string[];
  /** Weights of the model itself that were trained too; null if there are none. */
  readonly modules_to_save: readonly string[] | null;
  /** What PEFT has no name for. */
  readonly laurel: {
    readonly version: string;
    readonly variant: string;
    readonly options: object;
    /** SHA-256 of the original .onnx file. */
    readonly base_model_sha256: string | null;
  };
}

/** Describes an adapter as PEFT's adapter_config.json does; `baseModel` is the original's name or path. */
export function peftConfig(adapter: Adapter, baseModel: string | null = null): PeftConfig {
  checkAdapter("peftConfig", adapter);
  const isName = baseModel === null || typeof baseModel === "string";
  checkArgument("peftConfig", baseModel, isName, "the name or path of a model");
  const { laurelizations, tensors } = adapter;
  if (laurelizations.length === 0)
    throw new InputError(
      `${adapter.name} has no LAuReL weights for an adapter_config.json; leave out --peft.`,
    );
  const last = laurelizations.at(-1)!;
  const { version, variant, options } = last;
  const own = new Set(parameterNames(laurelizations));
  const others = tensors.map(({ name }) => name).filter((name) => !own.has(name));
  const hasMap = last.sites.some(({ parameters }) =>
    Object.keys(parameters).some((role) => role.includes(".A")),
  );
  const sites = laurelizations.flatMap((each) => each.sites.map(({ name }) => name));
  return {
    peft_type: "LAUREL",
    task_type: null,
    base_model_name_or_path: baseModel,
    revision: null,
    inference_mode: true,
    auto_mapping: null,
    r: hasMap ? (options.rank ?? null) : null,
    target_modules: [...new Set(sites)],
    modules_to_save: others.length > 0 ? others : null,
    laurel: { version, variant, options, base_model_sha256: laurelizations[0].sha256 },
  };
}
