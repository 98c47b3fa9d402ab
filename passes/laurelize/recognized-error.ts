import { InputError } from "../../src/errors.ts";

/** The model holds LAuReL of this tool, which its metadata does not say. */
export class RecognizedError extends InputError {
  override name = "RecognizedError";
  override readonly code = "recognized";
  readonly sites: number;
  constructor(name: string, sites: number) {
    const at = `${sites} ${sites === 1 ? "site" : "sites"}`;
    super(
      `${name} is already laurelized: LAuReL is recognised at ${at} by its structure, though the metadata is gone; set again to add to it.`,
    );
    this.sites = sites;
  }
}
