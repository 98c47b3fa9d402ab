import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { isKnownOperator } from "../src/graph/operators.ts";
import { operatorsWithoutFacts } from "./support/operators-without-facts.ts";

const root = path.join(import.meta.dirname, "..");
const CEILING = 250;
const DEEPEST = 4;

/**
 * The rooms of the source, low to high: a file imports its own room and those below it. Rooms in
 * one line do not see each other.
 */
const FLOORS: readonly (readonly string[])[] = [
  ["src/version.ts", "src/errors.ts", "src/nearest.ts", "src/entry.ts", "src/figures.ts"],
  ["src/options.ts"],
  ["src/option-values.ts"],
  ["src/onnx/"],
  ["src/files/"],
  ["src/formats/", "src/graph/"],
  ["src/ort/"],
  ["src/arguments.ts"],
  ["src/samples/"],
  ["src/infer/"],
  ["src/compare/"],
  ["src/model.ts"],
  ["passes/check/", "passes/lower/", "passes/losses/", "passes/schedules/", "passes/optimizers/"],
  ["passes/metrics/"],
  ["passes/residuals/"],
  ["passes/variants/"],
  ["passes/gradient/", "passes/head/"],
  ["passes/laurelize/"],
  ["passes/adapter/"],
  ["passes/proof/", "passes/ladder/"],
  ["passes/fold/", "passes/finetune/", "passes/diff/"],
  ["passes/distributed/"],
  ["src/index.ts", "passes/internal.ts"],
  ["bin/"],
];

/** What users import, and what the command line imports beside it. */
const ROOFS = ["src/index.ts", "passes/internal.ts"];

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
  readonly exports: boolean;
}

/** Import and re-export statements, and import() of values or types. */
const IMPORT =
  /^(import|export)(\s+type)?\s[^;]*?\bfrom\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\("([^"]+)"\)/gm;

const imports: readonly Import[] = sources.flatMap((file) =>
  [...text(file).matchAll(IMPORT)].map(([, word, type, statement, bare, dynamic]) => {
    const specifier = statement ?? bare ?? dynamic;
    const from = specifier.startsWith(".")
      ? path.posix.join(path.posix.dirname(file), specifier)
      : specifier;
    return { file, from, typeOnly: type !== undefined, exports: word === "export" };
  }),
);

const show = (list: readonly Import[]) => list.map(({ file, from }) => `${file} imports ${from}`);
const within = (file: string, ...places: readonly string[]) =>
  places.some((place) => file.startsWith(place));
const local = imports.filter(({ from }) => within(from, "src/", "passes/", "bin/", "test/"));

const floorOf = (file: string) => FLOORS.findIndex((rooms) => within(file, ...rooms));
const roomOf = (file: string) => FLOORS.flat().find((room) => file.startsWith(room));

describe("one arrow", () => {
  it("is read from import lines", () => {
    expect(imports.length).toBeGreaterThan(sources.length);
    expect(show(imports)).toContain("src/model.ts imports #node");
    expect(show(imports)).toContain("bin/commands/index.ts imports bin/run-laurelize.ts");
    expect(sources.filter((file) => floorOf(file) < 0)).toEqual([]);
    expect(FLOORS.flat().filter((room) => !sources.some((file) => within(file, room)))).toEqual([]);
  });

  it("points down: a file imports its own room and the rooms below", () => {
    const up = local.filter(
      ({ file, from }) => roomOf(file) !== roomOf(from) && floorOf(file) <= floorOf(from),
    );
    expect(show(up)).toEqual([]);
  });

  it("leads from src to passes only in the public API", () => {
    const back = local.filter(({ file, from }) => within(file, "src/") && within(from, "passes/"));
    expect([...new Set(back.map(({ file }) => file))]).toEqual(["src/index.ts"]);
  });

  it("has no circle of files, types included", () => {
    const open = new Map(sources.map((file) => [file, new Set<string>()]));
    for (const { file, from } of local) open.get(file)!.add(from);
    for (let leaves = [""]; leaves.length > 0; ) {
      leaves = [...open]
        .filter(([, froms]) => [...froms].every((x) => !open.has(x)))
        .map(([f]) => f);
      for (const leaf of leaves) open.delete(leaf);
    }
    expect([...open.keys()]).toEqual([]);
  });

  it("ends in a roof that holds nothing but re-exports", () => {
    for (const roof of ROOFS)
      expect(
        text(roof)
          .replace(/export (type )?\{[^}]*\} from "[^"]+";/g, "")
          .trim(),
      ).toBe("");
    const others = imports.filter((one) => one.exports && !ROOFS.includes(one.file));
    expect(show(others)).toEqual(["src/files/node.ts imports src/files/node-folder.ts"]);
  });

  it("lets the command line import values only from the roof, and what --help needs", () => {
    const open = [
      "bin/",
      ...ROOFS,
      "src/errors.ts",
      "src/version.ts",
      "src/options.ts",
      "src/option-values.ts",
      "src/nearest.ts",
    ];
    const doors = local.filter(({ file, typeOnly }) => within(file, "bin/") && !typeOnly);
    const others = doors.filter(({ from }) => !within(from, ...open));
    expect([...new Set(others.map(({ from }) => from))].sort()).toEqual([
      "passes/adapter/adapter-options.ts",
      "passes/distributed/export-options.ts",
      "passes/finetune/fit-options.ts",
      "passes/finetune/reading-options.ts",
      "passes/ladder/theme-option.ts",
      "passes/laurelize/insert-options.ts",
      "src/compare/tolerances.ts",
    ]);
  });

  it("has one way to change a model: graph/patch splices, and only onnx encodes protobuf", () => {
    const outside = imports.filter(({ file }) => !within(file, "src/onnx/"));
    const splicing = outside.filter(({ from }) => from === "src/onnx/splices.ts");
    expect(show(splicing.filter(({ typeOnly }) => !typeOnly))).toEqual([
      "src/graph/patch.ts imports src/onnx/splices.ts",
    ]);
    const encoders = ["onnx-proto", "wire-writer", "encode", "edits", "excerpt"];
    const encoding = outside.filter(
      ({ from, typeOnly }) => !typeOnly && encoders.includes(path.posix.basename(from, ".ts")),
    );
    expect(show(encoding)).toEqual([
      "src/graph/build.ts imports src/onnx/encode.ts",
      "src/graph/patch-edits.ts imports src/onnx/edits.ts",
      "src/graph/patch-edits.ts imports src/onnx/encode.ts",
      "src/graph/patch.ts imports src/onnx/encode.ts",
      "src/infer/skeleton.ts imports src/onnx/excerpt.ts",
    ]);
  });

  it("decides by codes: nothing reads a reason, a finding or an error's sentence", () => {
    const SENTENCE = "(reason|what|where|sentence|warning|message)";
    const READS = new RegExp(
      `\\b${SENTENCE}\\b(\\.(startsWith|endsWith|includes|match|indexOf|search)\\(| [!=]==? ["\`])|` +
        `(error|thrown|reason)[.]message [!=]==? |switch \\([\\w.]*\\b${SENTENCE}\\)`,
    );
    expect(sources.filter((file) => READS.test(text(file)))).toEqual([]);
    // onnxruntime and yargs have no codes: one file each reads what they say.
    const TESTS =
      /\.(test|exec|match)\((String\(|reason\()*[\w.]*\b(error|thrown|message|reason|warning)\)/;
    const readers = sources.filter((file) => TESTS.test(text(file)));
    expect(readers).toEqual(["src/ort/messages.ts", "bin/words.ts"]);
  });

  it("knows an operator from its row: no list of operators stands beside table and rules", () => {
    const RULES = /\brows\(.*"\),|quantizations>\([^)]*\)/g;
    const LIST = /\[\s*((?:"[\w.]+",?\s*){2,})\]|"((?:[A-Z]\w+ )+[A-Z]\w+)"/g;
    const isListed = (op: string) => isKnownOperator(op) || operatorsWithoutFacts.has(op);
    const lists = sources.filter((file) =>
      [...text(file).replace(RULES, "").matchAll(LIST)].some(([, list, words]) => {
        const names = new Set((list ?? words).split(/[",\s]+/).filter(isListed));
        return names.size > (within(file, "src/") ? 1 : 2);
      }),
    );
    expect(lists).toEqual([]);
  });

  it("knows a data type from its row: no table of types stands beside onnx/dtypes", () => {
    const TABLE =
      /\b(bfloat16|float16|double|u?int(8|16|32|64)): [^;]*\n?[^;]*\b\1?(float16|double|u?int(8|16|32|64)): /;
    const tables = sources.filter((file) => TABLE.test(text(file)));
    expect(tables).toEqual([]);
  });

  it("reads no fact from the name of an operator, except whether it has a domain", () => {
    const READS =
      /\/\.test\((inFloats\()?[\w.!]*\bop\)|\bop\.(startsWith|endsWith|includes|match|replace)\((?!"\."\))["/]/;
    expect(sources.filter((file) => READS.test(text(file)))).toEqual([]);
  });

  it("walks graphs in graph/walk: no loop elsewhere takes from its list or adds to it", () => {
    const LOOP = /^( *)((?:for|while) \([^\n]*)\n((?:\1 [^\n]*\n|\n)*)/gm;
    const LISTS = /\bof (\w+)|< (\w+)\.length\b|\b(\w+)\.(?:length|size) > 0/g;
    const changes = (head: string, body: string) =>
      [...head.matchAll(LISTS)].some(([, walked, indexed, emptied]) => {
        const counted = indexed ?? emptied;
        const CHANGES = `(?<![.\\w])${walked ?? counted}\\.(add|set|push|unshift|pop|shift|splice)\\(`;
        const REFILLS = new RegExp(`^ *${counted} = `, "m");
        return new RegExp(CHANGES).test(body) || (counted && REFILLS.test(body));
      });
    const walking = sources.filter((file) =>
      [...text(file).matchAll(LOOP)].some(
        ([, , head, body]) => changes(head, body) || /= \w+\.(pop|shift)\(\)/.test(head),
      ),
    );
    // The search asks again for the sums inside those that it refuses.
    expect(walking).toEqual(["src/graph/walk.ts", "passes/residuals/find.ts"]);
  });

  it("follows values in graph/walk: no function calls itself for those behind, but to a depth", () => {
    const DECLARED = /^(?:export )?(?:async )?(?:function\*?|const) (\w+)\(?([\s\S]*)/m;
    const recursive = sources.flatMap((file) =>
      text(file)
        .split(/\n\n(?=\S)/)
        .flatMap((part) => {
          const [, name = "", body = ""] = DECLARED.exec(part) ?? [];
          const calls = new RegExp(`(?<![.\\w])${name}[(),]`).test(body);
          const follows = /\b(producer|uses)\b/.test(body) && !/\b(depth|steps)\b/.test(body);
          return name !== "" && calls && follows ? [name] : [];
        }),
    );
    expect(recursive).toEqual(["scopeLike", "shapeEntries"]);
  });

  it("keeps node:* in bin and src/files, which only #node and #node-data name", () => {
    const language = imports.filter(({ file }) => !within(file, "bin/", "src/files/"));
    expect(show(language.filter(({ from }) => within(from, "node:")))).toEqual([]);
    const ofNode = language.filter(({ from, typeOnly }) => within(from, "src/files/") && !typeOnly);
    expect(show(ofNode)).toEqual([]);
  });

  it("takes onnxruntime as an argument, and knows only its types", () => {
    const language = imports.filter(({ file }) => !within(file, "bin/"));
    const runtimes = language.filter(({ from }) => within(from, "onnxruntime-"));
    expect(
      show(runtimes.filter(({ from, typeOnly }) => !(typeOnly && from === "onnxruntime-common"))),
    ).toEqual([]);
  });
});

describe("every source file", () => {
  it(`has at most ${CEILING} lines`, () => {
    const long = sources.map((file) => [file, text(file).trimEnd().split("\n").length] as const);
    expect(long.filter(([, lines]) => lines > CEILING)).toEqual([]);
  });

  it(`nests no statement deeper than ${DEEPEST}`, () => {
    const CONTROL = /^(if|for|while|do|switch|try)\b/;
    const deep = sources.filter((file) => {
      const open: { readonly indent: number; readonly depth: number }[] = [];
      return text(file)
        .split("\n")
        .filter((line) => line.trim() !== "" && !/^\s*([)}\]]|\/?\*)/.test(line))
        .some((line) => {
          const indent = line.search(/\S/);
          while (open.length > 0 && open.at(-1)!.indent >= indent) open.pop();
          const statements = /^(for|while) .*\) (for|if|while) \(/.test(line.trim()) ? 2 : 1;
          const isControl = CONTROL.test(line.trim());
          const depth = (open.at(-1)?.depth ?? 0) + (isControl ? statements : 0);
          const isFunction = /(=>|\)(: [^{]+)?) \{$/.test(line);
          if (isControl || isFunction) open.push({ indent, depth: isControl ? depth : 0 });
          return depth > DEEPEST;
        });
    });
    expect(deep).toEqual([]);
  });

  it("is named after its subject, in kebab-case", () => {
    const names = sources.map((file) => path.posix.basename(file, ".ts"));
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
    const empty = /manager|helper|util|base|impl|misc|common|core/;
    expect(names.filter((name) => empty.test(name))).toEqual([]);
  });

  it("gives no two exports one name", () => {
    // Stands in for another room's exports: a browser's files for Node's, a command for its API.
    const standIn = (file: string) => within(file, "src/files/browser", "bin/commands/");
    const EXPORT =
      /^export (?:async )?(?:const|let|function\*?|abstract class|class|interface|type) (\w+)/gm;
    const files = new Map<string, string[]>();
    for (const file of sources.filter((file) => file !== "src/index.ts" && !standIn(file)))
      for (const name of new Set([...text(file).matchAll(EXPORT)].map(([, name]) => name)))
        files.set(name, [...(files.get(name) ?? []), file]);
    expect(files.get("Patch")).toEqual(["src/graph/patch-contents.ts"]);
    // The levels of onnxruntime's optimizer, which the API does not export by name.
    const shared = ["Level: src/ort/session.ts, bin/supervise.ts"];
    const several = [...files].filter(([, list]) => list.length > 1);
    expect(several.map(([name, list]) => `${name}: ${list.join(", ")}`)).toEqual(shared);
  });

  it("stands in the map of its floor: its own name, or that of its room", () => {
    const absent = ["src", "passes", "bin"].flatMap((floor) => {
      const map = fs.readFileSync(path.join(root, floor, "README.md"), "utf8");
      const names = [...map.matchAll(/`([\w.*-]+\/?)`/g)].map(([, name]) => name.split("*"));
      const isIn = (name: string) =>
        names.some(([start, end = ""]) => name.startsWith(start) && name.endsWith(end));
      const own = sources.filter((file) => within(file, `${floor}/`));
      const tops = own.map((file) => file.split("/")[1] + (file.split("/").length > 2 ? "/" : ""));
      return [...new Set(tops)].filter((name) => !isIn(name));
    });
    expect(absent).toEqual([]);
  });

  it("exports by name, where it declares", () => {
    // What other tools import has a default export.
    const DEFAULT = /^export (default\b|\{ \w+ as default\b)/m;
    const defaults = sources.filter((file) => DEFAULT.test(text(file)));
    expect(defaults.filter((file) => !within(file, "bin/plugin/", "bin/no-package.ts"))).toEqual(
      [],
    );
    const BRACES = /^export (type )?\{(?![^}]*\bas default\b)[^}]*\};/m;
    const braces = sources.filter(
      (file) => !within(file, "bin/plugin/") && BRACES.test(text(file)),
    );
    expect(braces).toEqual(["src/files/node.ts"]);
  });
});
