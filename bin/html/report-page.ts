import path from "node:path";
import { stageBytes } from "../../passes/internal.ts";
import { findResiduals, type Ladder, ladderOf, type Model } from "../../src/index.ts";
import { UsageError } from "../failure.ts";
import { checkFree, checkWritable, filesOfModel } from "../output.ts";
import { ort } from "../runtime.ts";
import { removeAfterwards, type StagedModel } from "../staged.ts";
import { tell } from "../supervision.ts";
import { ladderSections, rejectedSection } from "./ladder-sections.ts";
import { bullets, type Section } from "./markup.ts";
import { pageOf, type ReportVerdict } from "./page.ts";
import { type Reproduction, reproductionOf, reproductionSection } from "./reproduction.ts";

interface ReportArguments {
  /** Where it goes; no report without it. */
  readonly report?: string | undefined;
  readonly words?: readonly string[] | undefined;
  readonly model?: string;
  readonly a?: string;
  readonly b?: string;
  readonly force?: boolean | undefined;
}

/** What a report says of a result. */
export interface ReportContents {
  readonly title: string;
  readonly verdict: ReportVerdict;
  /** What is drawn: a ladder, or a model whose ladder is not known yet. */
  readonly ladder: Ladder | Model | null;
  /** What is special to the command, between the drawing and how to reproduce it. */
  readonly sections: readonly Section[];
  readonly warnings?: readonly string[];
  /** The models that were read, in the order of the arguments. */
  readonly models: readonly Model[];
}

interface PendingReport {
  /** What `--json` prints of it. */
  readonly json: {
    readonly report?: { readonly ladder: Ladder | null; readonly reproduce: Reproduction };
  };
  /** Moves the staged model and the report into place. */
  keep(): void;
}

/** Throws an InputError or a UsageError if a report cannot be written at the given path. */
export function checkReport(
  { report, force }: ReportArguments,
  inputFiles: readonly string[],
): void {
  if (report === undefined) return;
  if (report === "" || report === "-") throw new UsageError("--report takes the path of a file.");
  checkWritable(report, "--report");
  if (inputFiles.some((file) => path.resolve(file) === path.resolve(report)))
    throw new UsageError(
      `--report ${report} is also an input or another output; choose another place.`,
    );
  checkFree(report, inputFiles, force ?? false, "--report");
}

/**
 * Writes a report under a temporary name, with the hashes of the files of a staged model, which is
 * kept together with it; writes nothing if no report is requested.
 */
export async function stagedReport(
  args: ReportArguments,
  make: () => ReportContents,
  written: StagedModel | null = null,
): Promise<PendingReport> {
  if (args.report === undefined) return { json: {}, keep: () => written?.keep() };
  tell({ step: "writing the report" });
  const { title, verdict, sections, models, warnings = [], ladder: drawn } = make();
  const ladder = drawn && "graph" in drawn ? await ladderIn(drawn) : drawn;
  const files = [args.model, args.a, args.b].filter((file) => file !== undefined);
  const read = models.flatMap((model, k) => filesOfModel(files[k], model));
  const reproduce = await reproductionOf(args, read, written?.files() ?? new Map());
  const page = pageOf(title, verdict, [
    ...(ladder ? ladderSections(ladder) : []),
    ...sections,
    ...(ladder ? rejectedSection(ladder) : []),
    ...(warnings.length > 0 ? [{ title: "Warnings", content: bullets(warnings) }] : []),
    reproductionSection(reproduce),
  ]);
  const pending = stageBytes(new TextEncoder().encode(page), args.report);
  removeAfterwards(pending.temporary);
  const keep = () => {
    written?.keep();
    pending.keep();
  };
  return { json: { report: { ladder, reproduce } }, keep };
}

/** Returns the ladder of a model that was not searched yet; null if it cannot be searched. */
const ladderIn = (model: Model): Promise<Ladder | null> =>
  findResiduals(model, { ort }).then(
    (found) => ladderOf(found, model),
    () => null,
  );
