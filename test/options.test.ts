import fs from "node:fs";
import path from "node:path";
import * as api from "laurelize";
import ort from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import { camelCased } from "../bin/commands/command.ts";
import { commandNames, declarations } from "../bin/commands/index.ts";
import { parts, variantNames } from "../passes/variants/index.ts";
import { nearest } from "../src/nearest.ts";
import { bin, cli, cliProcess, helpTexts } from "./support/cli.ts";
import { fixture, temporaryFolders } from "./support/fixture.ts";

const { place } = temporaryFolders();

const small = place(fixture("pre-norm-mlp"));
const deep = place(fixture("pre-norm-transformer"));

describe("the command line suggests what was probably intended", () => {
  it.each([
    [[small, "--varient", "rw"], "did you mean --variant?"],
    [[small, "--nomralize", "none"], "did you mean --normalize?"],
    [["finetune", small, "--dta", "x"], "did you mean --data?"],
    [["inspec", small], "did you mean inspect?"],
    [["fine-tune", small], "did you mean finetune?"],
    [["comprae", small, small], "did you mean compare?"],
  ])("%j", (args, words) => {
    const { code, stdout, stderr } = cli(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  it("but suggests nothing if no name is close, or if the word is a file", () => {
    expect(cli([small, "--quux", "3"]).stderr).toContain(
      "--quux is not understood; is it mistyped",
    );
    const file = path.join(path.dirname(small), "inspec");
    fs.copyFileSync(small, file);
    expect(cli([file, "--dry-run"]).code).toBe(0);
    expect(nearest("abcdef", ["uvwxyz", "abdcef", "abcdeg"])).toBe("abdcef");
  });

  it('takes what follows "--" for files', () => {
    const folder = path.dirname(place(fixture("pre-norm-mlp")));
    fs.renameSync(path.join(folder, "model.onnx"), path.join(folder, "-m.onnx"));
    expect(cliProcess(["--dry-run", "--", "-m.onnx"], {}, bin, folder).code).toBe(0);
  });

  it("prints the help without arguments", () => {
    const { code, stdout, stderr } = cli([]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("laurelize inspect <model..>");
    expect(stdout).toContain("--variant");
  });

  it("prints the help that was laid out in the build as the parser lays it out, in English", () => {
    expect(Object.keys(helpTexts)).toEqual(commandNames.map(textName));
    for (const [name, text] of Object.entries(helpTexts))
      expect(cli([name, "--help"].filter(Boolean)).stdout, name).toBe(text);
    for (const words of [[], ["finetune", "-h"]])
      expect(cliProcess(words, { LC_ALL: "de_DE.UTF-8" }), words.join(" ")).toEqual(cli(words));
    const narrow = cliProcess(["train-script", "-h"], { COLUMNS: "60" }).stdout.split("\n");
    expect(Math.max(...narrow.map(({ length }) => length))).toBeLessThanOrEqual(60);
  });
});

describe("a help text", () => {
  it.each([
    ["", [0, 1, 2, 3, 4, 130]],
    ["inspect", [0, 2, 4, 130]],
    ["ladder", [0, 2, 4, 130]],
    ["strip", [0, 2, 130]],
    ["fold", [0, 1, 2, 4, 130]],
    ["export-step", [0, 2, 3, 4, 130]],
    ["finetune", [0, 1, 2, 3, 4, 130]],
  ])("of %j lists the exit codes that the command has", (name, codes) => {
    const [, list] = /Exit codes: ([^.]*)/.exec(helpTexts[name])!;
    expect(list.match(/\b\d+/g)!.map(Number)).toEqual(codes);
  });

  it("has no example in which an option has no effect", () => {
    for (const { options, examples = [] } of declarations)
      for (const [line] of examples) {
        const given = [...line.matchAll(/ --([a-z-]+)(?: (?!-)(\S+))?/g)];
        const others = Object.fromEntries([
          ...Object.entries(options).map(([name, option]) => [camelCased(name), option.default]),
          ...given.map(([, name, value = true]) => [camelCased(name), value]),
        ]);
        for (const [, name] of given)
          expect(options[name]?.idle?.(others) ?? null, `${line}: ${name}`).toBe(null);
      }
  });
});

/** Help of the command without a name is that of the whole program. */
const textName = (command: string) => (command === "laurelize" ? "" : command);

describe("an impossible place is refused before anything is read", () => {
  it.each([
    [["no-such.onnx", "-o", "no-folder/x.onnx"], "no-folder does not exist"],
    [["strip", "no-such.onnx", "-o", "no-folder/x.onnx"], "no-folder does not exist"],
    [["extract", "no-such.onnx", "-o", "no-folder/x"], "no-folder does not exist"],
    [["apply", "no-such.onnx", "a", "-o", "no-folder/x"], "no-folder does not exist"],
    [["extract", "no-such.onnx", "-o", "q.txt"], "q.txt must end in .safetensors or .onnx_adapter"],
    [["export-torch", "no-such.onnx", "-o", "q.pt"], "q.pt must end in .safetensors"],
    [["extract", "no-such.onnx", "-o", "q.SAFETENSORS"], "no-such.onnx does not exist"],
    [["-"], "- is not a file"],
    [["no-such.onnx", "-o", "-"], "- is not a file"],
    [["inspect", "-"], "- is not a file"],
    [["compare", "no-such.onnx", "-"], "- is not a file"],
  ])("%j", (args, words) => {
    const { code, stdout, stderr } = cli(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });
});

describe("an option without effect", () => {
  it.each<[string[], string[]]>([
    [["--variant", "rw", "--lags", "3"], ["lags"]],
    [
      ["--variant", "rw", "--rank", "4", "--init", "orthogonal"],
      ["rank", "init"],
    ],
    [
      ["--variant", "lr", "--normalize", "none", "--per-channel"],
      ["normalize", "per-channel"],
    ],
    [
      ["--variant", "pa", "--rank", "4", "--share-lags"],
      ["rank", "share-lags"],
    ],
    [["--variant", "pa", "--pa-map", "low-rank", "--rank", "4", "--share-lags"], []],
    [["--variant", "rw+lr+pa", "--lags", "2", "--rank", "4", "--normalize", "none"], []],
    [["--variant", "rw", "--no-per-channel", "--copy-data"], ["copy-data"]],
    [["--rank", "4", "--again"], ["again"]],
  ])("%j: %j", (args, idle) => {
    const { code, stderr } = cli([deep, "--dry-run", ...args]);
    expect(code).toBe(0);
    const told = [...stderr.matchAll(/^warning: --(\S+) has no effect: .+\.$/gm)];
    expect(told.map(([, name]) => name)).toEqual(idle);
    expect(cli([deep, "--dry-run", "--quiet", ...args])).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  it("of diff, of compare and of the API are reported too", async () => {
    const idle = cli(["diff", deep, deep, "--no-prove", "--seed", "3", "--inputs", "no.npz"]);
    expect(idle.stderr).toBe(
      "warning: --inputs has no effect: nothing is run without a proof.\nwarning: --seed has no effect: the inputs are given.\n",
    );
    const { model, warnings } = await api.laurelize(await api.openModel(small), {
      ort,
      variant: "rw",
      lags: 5,
    });
    expect(model.size).toBeGreaterThan(0);
    expect(warnings).toEqual(["lags has no effect: variant rw has no pa."]);
    const file = path.join(path.dirname(small), "rw.onnx");
    await api.saveModel(model, file);
    expect(cli(["fold", file, "--copy-data"]).stderr).toBe(
      "warning: --copy-data has no effect: rw.onnx has no data files.\n",
    );
  });
});

describe("the sites that are chosen are listed", () => {
  const names = (stdout: string) => [...stdout.matchAll(/^(\S+) +identity/gm)].map(([, n]) => n);
  const all = names(cli(["inspect", deep]).stdout);

  it.each([
    [["--last", "1"], () => all.slice(-1)],
    [["--every", "2"], () => all.filter((_, k) => k % 2 === 0)],
    [["--include", all[0]], () => all.slice(0, 1)],
    [["--exclude", all[0]], () => all.slice(1)],
    [["--stream", "0"], () => all],
  ])("by inspect and --dry-run: %j", (args, wanted) => {
    expect(all.length).toBeGreaterThan(1);
    expect(names(cli(["inspect", deep, ...args]).stdout)).toEqual(wanted());
    expect(names(cli([deep, "--dry-run", ...args]).stdout)).toEqual(wanted());
    const { sites } = JSON.parse(cli(["inspect", deep, "--json", ...args]).stdout);
    expect(sites.map(({ name }: { name: string }) => name)).toEqual(wanted());
  });

  it("and every command takes --quiet and --json", () => {
    expect(cli(["inspect", deep, "--quiet"])).toEqual({ code: 0, stdout: "", stderr: "" });
    for (const command of ["", "inspect", "compare", "strip", "finetune", "extract", "apply"]) {
      expect(helpTexts[command]).toMatch(/--json/);
      expect(helpTexts[command]).toMatch(/--quiet/);
    }
  });
});

describe("functions of the API", () => {
  let model: api.Model;
  let laurel: api.Laurelized;
  let laurelAdapter: api.Adapter;
  beforeAll(async () => {
    model = await api.openModel(small);
    laurel = await api.laurelize(model, { ort, rank: 2 });
    laurelAdapter = await api.extractAdapter(laurel.model);
  });
  // What a program in JavaScript can call them with.
  const loose = api as unknown as Record<string, (...args: unknown[]) => unknown>;

  it.each<[string, () => unknown[], RegExp]>([
    ["laurelize", () => ["m.onnx", { ort }], /takes an opened model.*got "m\.onnx"/],
    ["laurelize", () => [api.openModel(small), { ort }], /a promise, so await it first/],
    ["laurelize", () => [model], /needs an options object with onnxruntime/],
    ["laurelize", () => [model, { variant: "rw" }], /ort of laurelize must be onnxruntime/],
    [
      "laurelize",
      () => [model, { ort, varient: "rw" }],
      /no option varient; did you mean variant\?/,
    ],
    [
      "laurelize",
      () => [model, { ort, include: "*x*" }],
      /include .* an array of strings; it is "\*x\*"/,
    ],
    ["laurelize", () => [model, { ort, rank: "16" }], /rank .* must be a number; it is "16"/],
    ["findResiduals", () => [model, { ort, feature: 1 }], /no option feature/],
    ["prove", () => [model, { ort }], /takes a result of laurelize.*got a model/],
    ["prove", () => [laurel, { ort, extend: "sites" }], /did you mean extent\?/],
    ["prove", () => [laurel, { ort, feeds: [{}] }], /feeds\[0\] must hold a Tensor/],
    ["prove", () => [laurel, { ort, alsoOrt: {} }], /alsoOrt of prove must be onnxruntime/],
    ["prove", () => [laurel, { ort, signal: {} }], /signal of prove must be the signal/],
    ["prove", () => [laurel, { ort, dims: new Map([["n", 4]]) }], /an object; it is a Map/],
    ["prove", () => [laurel, { ort, feeds: [null] }], /feeds .* an array of objects/],
    ["compare", () => [model, model, { ort, atol: Number.NaN }], /a number; it is NaN/],
    ["findResiduals", () => [model, { ort, features: {} }], /must be a Map; it is an object/],
    ["fit", () => [model, { ort, teacher: {} }], /takes an opened teacher.*got an object/],
    ["fit", () => [model, { ort, resume: 1 }], /resume of fit takes a path.*got 1/],
    ["fit", () => [laurel.model, { ort, loss: "output", data: () => 1 }], /fit takes data as/],
    ["openDataset", () => [[null], model], /takes a path, a Uint8Array or a Blob, and got null/],
    ["fit", () => [laurel.model, { ort, loss: null, data: [{}] }], /loss takes the name .*null/],
    ["fit", () => [laurel.model, { ort, loss: "output", data: [null] }], /batches .* got null/],
    ["findResiduals", () => [model, { ort, also: [1n] }], /array of strings; it is an array/],
    ["stepGraph", () => [laurel.model, { ort, inputs: {}, losses: [] }], /at least one loss/],
    ["stepGraph", () => [laurel.model, { ort, inputs: {}, target: {} }], /target or arrays .*name/],
    ["diffPage", () => [{}], /diffPage takes a result of diff, and got an object/],
    ["nodeData", () => [model, model, {}], /nodeData takes a result of diff/],
    ["torchBytes", () => ["m.onnx"], /torchBytes takes an opened model/],
    ["openDataset", () => [new Blob(), model, { targets: "t" }], /an array of names; it is "t"/],
    ["stepGraph", () => [laurel.model, { ort, loss: "output" }], /needs option inputs/],
    ["compare", () => [laurel, model, { ort }], /a result of laurelize; pass its \.model/],
    ["compare", () => [model, model, { ort, sead: 1 }], /did you mean seed\?/],
    ["strip", () => ["m.onnx"], /strip takes an opened model/],
    ["saveModel", () => [laurel, "m.onnx"], /a result of laurelize; pass its \.model/],
    ["weightsAsInputs", () => ["m.onnx", []], /weightsAsInputs takes an opened model/],
    [
      "finetune",
      () => [model, { ort, loss: "mse", target: "t", leaningRate: 1 }],
      /no option leaningRate/,
    ],
    [
      "finetune",
      () => [model, { ort, loss: "mse", target: "t", clip: 1 }],
      /no option clip; it is one of optimizerOptions: \{ optimizerOptions: \{ clip: … \} \}/,
    ],
    [
      "finetune",
      () => [model, { ort, loss: "mse", target: "t", optimizerOptions: { weightdecay: 1 } }],
      /optimizerOptions has no option weightdecay; did you mean weightDecay\?/,
    ],
    [
      "stepGraph",
      () => [model, { ort, loss: "mse", train: "head" }],
      /train .* an array of strings/,
    ],
    ["differentiate", () => [model, { ort, wrt: "w" }], /wrt .* an array of strings/],
    ["differentiate", () => [model, { ort }], /wrt of differentiate takes an array of names/],
    ["openModel", () => [new Blob(), { data: { w: "w.bin" } }], /data w of openModel takes/],
    ["extractAdapter", () => [laurel.model, { trian: ["w"] }], /did you mean train\?/],
    [
      "applyAdapter",
      () => [laurel.model, {}, { ort, weigths: "inside" }],
      /did you mean weights\?/,
    ],
    ["applyAdapter", () => [laurel.model, "a.safetensors", { ort }], /takes an adapter.*"a\.saf/],
    ["adapterFeeds", () => [Promise.resolve(), { ort }], /takes an adapter.*a promise/],
    ["adapterFeeds", () => [laurelAdapter], /needs an options object/],
    ["adapterBytes", () => [laurel.model], /adapterBytes takes an adapter/],
    ["saveAdapter", () => ["a.safetensors", "b"], /saveAdapter takes an adapter/],
    ["batches", () => ["d.npz", { ort, batchSize: 1 }], /takes a dataset.*got "d\.npz"/],
    ["batches", () => [{ columns: [] }, { ort, batchsize: 1 }], /did you mean batchSize\?/],
    ["openModel", () => [], /openModel takes a path, a Uint8Array or a Blob, and got undefined/],
    ["openAdapter", () => [laurel.model], /openAdapter takes a path.*got an object/],
    ["saveAdapter", () => [laurelAdapter, new URL("file:///b")], /takes a path to write to/],
    ["saveModel", () => [model, ""], /saveModel takes a path to write to, and got ""/],
    ["isLaurelized", () => [small], /isLaurelized takes an opened model/],
    ["proofMemory", () => [laurel], /pass its \.model/],
    ["trainableWeights", () => [laurel], /pass its \.model/],
    ["trainableWeights", () => [laurel.model, "head"], /takes an array of names, and got "head"/],
    ["weightOf", () => [laurel, "w"], /pass its \.model/],
    ["weightOf", () => [model, 7], /takes the name of a weight, and got 7/],
    ["weightsAsInputs", () => [model, "w"], /takes an array of names/],
    ["withWeights", () => [small, new Map()], /withWeights takes an opened model/],
    ["withWeights", () => [model, { w: new Uint8Array(4) }], /takes a Map from names/],
    ["tunedModel", () => [small, {}], /tunedModel takes an opened model/],
    ["tunedModel", () => [model, undefined], /takes a trainer's weights.*got undefined/],
    ["checkpointBytes", () => [model, { best: {}, note: 1 }], /takes a trainer/],
    ["loadCheckpoint", () => ["c.safetensors", "b", { ort }], /takes a trainer.*got "c\.s/],
    ["siteJson", () => [], /takes a site of findResiduals, and got undefined/],
    ["laurelJson", () => [model], /takes a result of laurelize, and got an object/],
    ["trainingJson", () => [], /takes a result of fit, and got undefined/],
    ["rejectionJson", () => [laurel.found.sites[0]], /takes a rejected sum of findResiduals/],
    ["inputsFromNpz", () => [model, "i.npz", { ort }], /takes the bytes of an \.npz/],
    ["inputsFromTestData", () => [model, ["f"], { ort }], /takes a Map from names/],
    ["fit", () => [small, { ort }], /fit takes an opened model/],
    ["fit", () => [model, { ort, epoch: 1 }], /did you mean epochs\?/],
    ["openModel", () => [small, { trustlinks: true }], /did you mean trustLinks\?/],
    ["openDataset", () => [new Uint8Array(), model, { target: "x" }], /did you mean targets\?/],
  ])("%s refuses what it cannot take in one sentence", async (name, args, sentence) => {
    const call = async () => loose[name](...args());
    await expect(call()).rejects.toThrow(TypeError);
    await expect(call()).rejects.toThrow(sentence);
    await expect(call()).rejects.toThrow(/^[^\n]+[.?]$/);
  });

  it.each<[string, object, RegExp]>([
    ["finetune", { optimizer: "lion" }, /^optimizer must be adamw or sgd \(got lion\)\.$/],
    ["exportStep", { optimizer: "lion" }, /^optimizer must be adamw or sgd/],
    ["stepGraph", { optimizer: "lion", inputs: {} }, /^optimizer must be adamw or sgd/],
    ["fit", { optimizerOptions: { clip: -1 } }, /^clip must be a number of at least 0 \(got -1\)/],
    ["finetune", { optimizerOptions: { betas: [0.9, 1] } }, /^betas must be 2 numbers .*0\.9, 1/],
  ])("%s refuses %j before it reads anything", async (name, wrong, sentence) => {
    const options = { ort, loss: "mse", ...wrong };
    const folder = name === "exportStep" ? ["no-such/step"] : [];
    const call = async () => loose[name](laurel.model, ...folder, options);
    await expect(call()).rejects.toMatchObject({ name: "InputError" });
    await expect(call()).rejects.toThrow(sentence);
  });

  it("refuse any wrong first argument in words of their own", async () => {
    const isClass = (value: unknown) => /^class /.test(String(value));
    for (const [name, call] of Object.entries(loose))
      if (typeof call === "function" && !isClass(call))
        for (const wrong of [undefined, null, 3, {}, []]) {
          const thrown = await (async () => call(wrong))().then(
            () => null,
            (error: unknown) => error,
          );
          expect(thrown, name).toBeInstanceOf(TypeError);
          expect(String(thrown), name).toMatch(/^TypeError: [a-zA-Z]+ (takes|needs) [^\n]+[.]$/);
        }
  });

  it("say that a model is closed, whose file handle may be another file's by then", async () => {
    const closed = await api.openModel(small);
    closed.close();
    closed.close();
    await expect(api.laurelize(closed, { ort })).rejects.toThrow(/model\.onnx is closed; open it/);
  });

  it("are documented where options are declared, for editors", () => {
    const dist = path.join(import.meta.dirname, "../dist");
    const files = ["src", "passes"].flatMap((floor) =>
      fs
        .readdirSync(path.join(dist, floor), { recursive: true, encoding: "utf8" })
        .flatMap((name) => (name.endsWith(".d.ts") ? path.join(dist, floor, name) : [])),
    );
    const declarations = files.map((file) => fs.readFileSync(file, "utf8")).join("\n");
    const documented = declarations.match(/\*\/\n +(?:readonly )?\w+: .*\{\n +readonly /g) ?? [];
    const described = declarations.match(/^ +readonly describe: ["`]/gm) ?? [];
    expect(described.length).toBeGreaterThan(200);
    expect(documented.length).toBeGreaterThanOrEqual(described.length);
    expect(declarations).toContain("/** Number of epochs. Default: 10. */");
    expect(declarations.match(/\/\*\* .*--[a-z].* \*\/\n +readonly \w+: \{/g)).toBe(null);
  });

  it("have a type for every variant there is", () => {
    expect(variantNames).toHaveLength(2 ** parts.length - 1);
    expect([...variantNames].sort()).toEqual(
      ["lr", "lr+pa", "pa", "rw", "rw+lr", "rw+lr+pa", "rw+pa"].sort(),
    );
  });
});
