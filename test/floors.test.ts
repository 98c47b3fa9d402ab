import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const root = path.join(import.meta.dirname, "..");
const CEILING = 250;

/** Every source file, by its path from the root. */
const sources = ["src", "passes", "bin"].flatMap((top) =>
  fs
    .readdirSync(path.join(root, top), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => path.posix.join(top, name.split(path.sep).join("/"))),
);
const text = (file: string) => fs.readFileSync(path.join(root, file), "utf8");

interface Import {
  readonly file: string;
  /** A path from the root, or a package's name. */
  readonly from: string;
  readonly typeOnly: boolean;
}

/** Import and re-export statements, and import() of values or types. */
const IMPORT =
  /^(?:import|export)(\s+type)?\s[^;]*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

const imports: readonly Import[] = sources.flatMap((file) =>
  [...text(file).matchAll(IMPORT)].map(([, type, statement, bare, dynamic]) => {
    const specifier = statement ?? bare ?? dynamic;
    const from = specifier.startsWith(".")
      ? path.posix.join(path.posix.dirname(file), specifier)
      : specifier;
    return { file, from, typeOnly: type !== undefined };
  }),
);

const show = (list: readonly Import[]) => list.map(({ file, from }) => `${file} imports ${from}`);
const within = (file: string, ...places: string[]) =>
  places.some((place) => file.startsWith(place));
const local = ({ from }: Import) => within(from, "src/", "passes/", "bin/", "test/");

/** The files for Node: the doors, and what is behind them. */
const NODE = ["src/node.ts", "src/node-"];

/** What the files of a floor may import of this package. */
const FLOORS: readonly (readonly [floor: string, sees: readonly string[]])[] = [
  ["src/onnx/", ["src/onnx/"]],
  ["src/graph/", ["src/graph/", "src/onnx/"]],
  ["src/runtime/", ["src/runtime/", "src/graph/", "src/onnx/"]],
  ["passes/", ["passes/", "src/onnx/", "src/graph/", "src/runtime/"]],
  ["src/node.ts", [...NODE, "src/onnx/"]],
  ["src/node-", [...NODE, "src/onnx/"]],
];

describe("the floors of the source", () => {
  it("are read at all", () => {
    expect(imports.length).toBeGreaterThan(sources.length);
    expect(show(imports)).toContain("src/model.ts imports #node");
    expect(show(imports)).toContain("bin/run.ts imports bin/run-laurelize.ts");
  });

  it.each(FLOORS)("%s sees itself and what is below", (floor, sees) => {
    const mine = imports.filter(({ file }) => within(file, floor));
    expect(mine).not.toEqual([]);
    expect(show(mine.filter((one) => local(one) && !within(one.from, ...sees)))).toEqual([]);
  });

  it("keep node:* in files of its own, which only the package's own #node and #node-data name", () => {
    const language = imports.filter(({ file }) => !within(file, "bin/", ...NODE));
    expect(show(language.filter(({ from }) => within(from, "node:")))).toEqual([]);
    const ofNode = language.filter(({ from, typeOnly }) => within(from, ...NODE) && !typeOnly);
    expect(show(ofNode)).toEqual([]);
    expect(show(language.filter(({ from }) => from === "#node"))).toEqual([
      "src/model.ts imports #node",
    ]);
    expect(show(language.filter(({ from }) => from === "#node-data"))).toEqual([
      "src/training/datasets.ts imports #node-data",
    ]);
  });

  it("are handed onnxruntime, and know its types alone", () => {
    const language = imports.filter(({ file }) => !within(file, "bin/"));
    const runtimes = language.filter(({ from }) => within(from, "onnxruntime-"));
    expect(
      show(runtimes.filter(({ from, typeOnly }) => !(typeOnly && from === "onnxruntime-common"))),
    ).toEqual([]);
  });

  it("have a roof that only the doors see, and doors that see the roof", () => {
    const roof = imports.filter(({ from }) => from === "src/index.ts");
    expect(show(roof.filter(({ file }) => !within(file, "bin/")))).toEqual([]);
    // --help needs what options there are and the version, and none of the rest.
    const open = ["bin/", "src/index.ts", "src/version.ts", "passes/options/"];
    const doors = imports.filter((one) => within(one.file, "bin/") && local(one));
    expect(show(doors.filter(({ from, typeOnly }) => !typeOnly && !within(from, ...open)))).toEqual(
      [],
    );
  });
});

describe("every source file", () => {
  it(`has at most ${CEILING} lines`, () => {
    const long = sources.map((file) => [file, text(file).trimEnd().split("\n").length] as const);
    expect(long.filter(([, lines]) => lines > CEILING)).toEqual([]);
  });

  it("is named after its subject, in kebab-case", () => {
    const names = sources.map((file) => path.posix.basename(file, ".ts"));
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
    const empty = /manager|helper|util|base|impl|misc|common|core/;
    expect(names.filter((name) => empty.test(name))).toEqual([]);
  });

  it("exports by name", () => {
    expect(sources.filter((file) => /^export default\b/m.test(text(file)))).toEqual([]);
  });
});
