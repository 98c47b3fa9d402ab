import { checkGiven, checkModel, type WithOrt, withOrt } from "../../src/arguments.ts";
import type { Model } from "../../src/model.ts";
import { runnable } from "../../src/ort/loading.ts";
import { reason, withSession } from "../../src/ort/session.ts";

/** What onnxruntime says if it does not take a model, fully optimized; null if it does. */
export async function loadError(model: Model, options: WithOrt): Promise<string | null> {
  checkModel("loadError", model);
  checkGiven("loadError", options, withOrt);
  try {
    return await withSession(options.ort, runnable(model.file), "all", async () => null);
  } catch (error) {
    return reason(error);
  }
}
