import { InputError } from "../../src/errors.ts";

/** The model contains LAuReL of this tool, but its metadata does not say so. */
export class RecognizedError extends InputError {
  override name = "RecognizedError";
  override readonly code = "recognized";
  readonly sites: number;
  constructor(name: string, sites: number) {
    const at = `${sites} ${sites === 1 ? "site" : "sites"}`;
    super(
      `${name} is already laurelized: LAuReL is recognized at ${at} by its structure, although the metadata is gone; set again to laurelize it once more.`,
    );
    this.sites = sites;
  }
}
