import fs from "node:fs";
import path from "node:path";
import { batches, openDataset, openModel, fit as tune } from "laurelize";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { cli } from "./support/cli.ts";
import { temporaryFolder } from "./support/fixture.ts";
import { modelOfText } from "./support/onnx-text.ts";

const folder = temporaryFolder();
const written = (name: string, text: string | Uint8Array) => {
  const file = path.join(folder, name);
  fs.writeFileSync(file, text);
  return file;
};
const modelWith = (inputs: string) =>
  openModel(
    modelOfText(
      `<ir_version: 8, opset_import: ["" : 17]> net (${inputs}) => (int64[K] out) { out = Shape(${/\] (\w+)/.exec(inputs)![1]}) }`,
    ),
  );
async function read(inputs: string, from: string | Blob, target = "y", more: object = {}) {
  const data = await openDataset(from, await modelWith(inputs), { targets: [target], ...more });
  const [batch] = batches(data, { ort, batchSize: data.rows });
  const numbers = (name: string) => Array.from(batch[name].data as Float32Array, Number);
  data.close();
  return { data, batch, numbers };
}

const IRIS = `sepal,petal,kind
5.1,1.4,setosa
7.0,4.7,"versi,color"
6.3,6.0,virginica
4.9,1.5,setosa
`;

describe("a table", () => {
  it("of CSV gives its numbers to the one input, and labels to the words of the target", async () => {
    const file = written("iris.csv", IRIS);
    const { data, batch, numbers } = await read("float[n, 2] x", file, "kind");
    expect(batch.x.dims).toEqual([4, 2]);
    for (const [k, value] of [5.1, 1.4, 7, 4.7, 6.3, 6, 4.9, 1.5].entries())
      expect(numbers("x")[k]).toBeCloseTo(value, 6);
    expect([batch.kind.type, numbers("kind")]).toEqual(["int64", [0, 1, 2, 0]]);
    expect(data.classes).toEqual({ kind: ["setosa", "versi,color", "virginica"] });
    expect(data.notes).toEqual([
      "input x takes the columns sepal, petal of iris.csv.",
      "target kind of iris.csv has 3 classes, in the order of their names: setosa, versi,color, virginica.",
    ]);
    const held = written("held.csv", "kind,petal,sepal\nvirginica,1,2\n");
    const options = { classNames: data.classes, columns: { x: ["sepal", "petal"] } };
    const other = await read("float[n, 2] x", held, "kind", options);
    expect([other.numbers("x"), other.numbers("kind")]).toEqual([[2, 1], [2]]);
    const fox = written("fox.csv", "sepal,petal,kind\n1,2,fox\n");
    const unknown = read("float[n, 2] x", fox, "kind", options);
    await expect(unknown).rejects.toThrow(/row 0 .* has the class fox .*training data does not/);
  });

  it("of pandas, with row numbers in a column without a name, gives the others", async () => {
    const file = written("pandas.csv", ",a,b,y\n0,1,2,0\n1,3,4,1\n");
    const { data, numbers } = await read("float[n, F] x", file);
    expect(numbers("x")).toEqual([1, 2, 3, 4]);
    expect(data.notes[0]).toBe("the column of pandas.csv without a name is left out.");
  });

  it("gives columns to inputs of their names, numbers to targets, and reports what nothing reads", async () => {
    const file = written("two.tsv", "a\tb\tid\ty\n1\t2.5\t7\t0.5\n3\t-1e3\t8\tTrue\n");
    const { data, batch, numbers } = await read("int64[n, 1] a, float[n] b", file);
    expect([batch.a.dims, batch.b.dims]).toEqual([[2, 1], [2]]);
    expect([numbers("a"), numbers("b")]).toEqual([
      [1, 3],
      [2.5, -1000],
    ]);
    expect(data.classes).toEqual({ y: ["0.5", "True"] });
    for (const delimiter of ";|") {
      const text = "a;b;y\n1;2;0.5\n1;2;3\n".replaceAll(";", delimiter);
      const real = await read("float[n] a, float[n] b", written("n.csv", text));
      expect([real.batch.y.type, real.numbers("y")]).toEqual(["float32", [0.5, 3]]);
    }
    expect((await read("float[n] b, float[n] a", file)).data.notes[0]).toMatch(
      /column id of two.tsv is neither input nor target/,
    );
  });

  it("of JSON lines may hold lists, and comes from memory too", async () => {
    const lines = [
      {
        x: [
          [1, 2],
          [3, 4],
        ],
        m: true,
        y: "b",
      },
      {
        x: [
          [5, 6],
          [7, 8],
        ],
        m: false,
        y: "a",
      },
    ];
    const text = `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`;
    const inputs = "float[n, 2, 2] x, bool[n] m";
    for (const from of [written("l.jsonl", text), new File([text], "l.jsonl")]) {
      const { data, batch, numbers } = await read(inputs, from);
      expect([batch.x.dims, numbers("x")]).toEqual([
        [2, 2, 2],
        [1, 2, 3, 4, 5, 6, 7, 8],
      ]);
      expect([numbers("m"), numbers("y"), data.classes]).toEqual([
        [1, 0],
        [1, 0],
        { y: ["a", "b"] },
      ]);
    }
  });

  it("may hold lists in its cells, and shorter ones where a loss fills them up", async () => {
    const y = { name: "y", padding: -1 } as never;
    const csv = 'x,y\n"[1, 2]",3 4 5\n[3.5 -1e2],6\n7 8,\n"[9,0]","[1, 2]"\n';
    const json = [
      [
        [1, 2],
        [3, 4, 5],
      ],
      [[3.5, -100], 6],
      [[7, 8], []],
      [
        [9, 0],
        [1, 2],
      ],
    ]
      .map(([x, y]) => JSON.stringify({ x, y }))
      .join("\n");
    for (const from of [written("list.csv", csv), written("list.jsonl", json)]) {
      const { batch, numbers } = await read("float[n, 2] x", from, y);
      expect([numbers("x"), batch.y.dims, numbers("y")]).toEqual([
        [1, 2, 3.5, -100, 7, 8, 9, 0],
        [4, 3],
        [3, 4, 5, 6, -1, -1, -1, -1, -1, 1, 2, -1],
      ]);
      await expect(read("float[n, 2] x", from)).rejects.toThrow(
        /gives y the shape .*must have the same/,
      );
    }
    const names = written("names.csv", "x,y\n1 2,a 1\n3 4,[PAD]\n");
    expect((await read("float[n, 2] x", names)).data.classes).toEqual({ y: ["[PAD]", "a 1"] });
  });

  it("has classes whose names look like lists beside words", async () => {
    const rows = ["1 2", "cat", "[5]", "1 2"].map((cell) => `0,${cell}\n`).join("");
    const { data, numbers } = await read("float[n, 1] x", written("lists.csv", `x,y\n${rows}`));
    expect([data.classes, numbers("y")]).toEqual([{ y: ["1 2", "[5]", "cat"] }, [0, 2, 1, 0]]);
  });

  it("has no number where a cell of a target is empty or NaN, if its loss leaves such values out", async () => {
    const target = { name: "t", missing: true };
    const gaps = written("gaps.csv", "\ufeffa,p,q\r\n1,0,\r\n2,NaN,1\r\n");
    const more = { columns: { t: ["p", "q"] } };
    const model = await modelWith("float[n, 1] a");
    const lines = written("gaps.jsonl", '{"a": 1, "t": [0, null]}\n{"a": 2, "t": [NaN, 1]}\n');
    for (const [file, options] of [
      [gaps, more],
      [lines, {}],
    ] as const) {
      const data = await openDataset(file, model, { targets: [target], ...options });
      const [{ t }] = batches(data, { ort, batchSize: 2 });
      expect([t.type, t.dims, ...(t.data as Float32Array)]).toEqual([
        "float32",
        [2, 2],
        0,
        NaN,
        NaN,
        1,
      ]);
    }
    await expect(openDataset(gaps, model, { targets: ["t"], ...more })).rejects.toThrow(
      /row 0 of gaps.csv .* has no value in column q/,
    );
  });

  it("has the label to ignore where a class is missing, and NaN where a number of values is NA", async () => {
    const model = await modelWith("float[n, 1] a");
    const labels = async (text: string, target: object) => {
      const file = written("labels.csv", text);
      const data = await openDataset(file, model, { targets: [{ name: "y", ...target }] });
      const [{ y }] = batches(data, { ort, batchSize: 3 });
      data.close();
      return { values: [y.type, ...Array.from(y.data as Float32Array, Number)], data };
    };
    const words = await labels("a,y\n1,fox\n2,\n3,NA\n", { missing: -100 });
    expect(words.values).toEqual(["int64", 1, -100, 0]);
    expect(words.data.classes).toEqual({ y: ["NA", "fox"] });
    expect(words.data.notes.at(-1)).toBe(
      "1 of 3 labels of target y of labels.csv do not count: they are missing or -100.",
    );
    const numbers = await labels("a,y\n1,2\n2,N/A\n3,NaN\n", { missing: -1 });
    expect(numbers.values).toEqual(["int64", 2, -1, -1]);
    const values = { missing: true, words: false };
    const gaps = await labels("a,y\n1,2\n2,NA\n3,null\n", values);
    expect(gaps.values).toEqual(["float32", 2, NaN, NaN]);
    const fox = labels("a,y\n1,2\n2,fox\n", values);
    await expect(fox).rejects.toThrow(/"fox" in column y, which is not a number/);
  });

  it("shares its classes with the other tables of the data", async () => {
    const files = ["b", "a"].map((word) => written(`${word}.csv`, `x,y\n1,${word}\n2,c\n`));
    const { data, numbers } = await read("float[n, 1] x", files as never);
    expect([data.classes, numbers("y")]).toEqual([{ y: ["a", "b", "c"] }, [1, 2, 0, 2]]);
  });

  const LONG = "long ".repeat(30).trim();

  it("larger than a block is read whole, quoted lines too", async () => {
    const rows = Array.from({ length: 9_000 }, (_, k) => `${k},"a\n${LONG} ${k % 3}",${k % 5}.5`);
    const file = written("large.csv", `id,kind,v\n${rows.join("\n")}\n`);
    const columns = { x: ["id", "v"] };
    const { data, numbers } = await read("float[n, 2] x", file, "kind", { columns });
    expect(data.rows).toBe(9_000);
    expect(data.classes.kind).toEqual([`a\n${LONG} 0`, `a\n${LONG} 1`, `a\n${LONG} 2`]);
    for (const k of [0, 1, 4_499, 8_999]) {
      expect(numbers("x").slice(2 * k, 2 * k + 2)).toEqual([k, (k % 5) + 0.5]);
      expect(numbers("kind")[k]).toBe(k % 3);
    }
  });

  const NESTED = /row 0 .* nested more than 64 deep/;
  it.each([
    ["no.csv", "a,b,y\n1,,0\n", "float[n, 2] x", /row 0 of no.csv .* no value in column b/],
    [
      "word.csv",
      "a,b,y\n1,2,0\n1,red,0\n",
      "float[n, 2] x",
      /row 1 .* has "red" in column b, which is not a number/,
    ],
    ["text.csv", "a,y\nred,0\n", "string[n] a", /takes string as input a, which data files cannot/],
    ["half.csv", "a,y\n1.5,0\n", "int64[n, 1] x", /has 1.5 in column a, and int64 is expected/],
    [
      "wide.csv",
      "a,b,y\n1,2,0\n",
      "float[n, 3] x",
      /x takes 3 columns, .* left are 2: a, b; .*--columns x=a,b/,
    ],
    ["comma.csv", "a;y\n1,5;0\n", "float[n, 1] x", /"1,5" in column a.* a decimal point/],
    ["latin.csv", new Uint8Array([0x61, 0xe4]), "float[n, 1] x", /not text in UTF-8/],
    ["void.csv", "", "float[n, 2] x", /void.csv is empty/],
    ["list.json", "[]", "float[n, 2] x", /list.json is a .json; .* a .jsonl with one object/],
    ["none.csv", "a,b\n1,2\n", "float[n, 2] x", /has no column y, which is a target; it has a, b/],
    ["lone.csv", "a,b,y\n1,2,0\n", "float[n] x, float[n] z", /no column x, .*--columns x=a,b/],
    ["bare.csv", "1,2,3\n4,5,6\n", "float[n, 2] x", /no header: its first line holds numbers/],
    [
      "short.csv",
      "a,b,y\n1,2\n",
      "float[n, 2] x",
      /row 0 .* has 2 values, but its header has 3 columns/,
    ],
    ["empty.csv", "a,b,y\n", "float[n, 2] x", /has no rows/],
    [
      "l2.jsonl",
      '{"a":1,"y":0}\n[1]\n',
      "float[n, 1] a",
      /row 1 of l2.jsonl .* is not a JSON object/,
    ],
    [
      "l3.jsonl",
      '{"a":[1,2],"y":0}\n{"a":[1],"y":0}\n',
      "float[n, 2] a",
      /row 1 .* shape \[1\], and the rows before \[2\]/,
    ],
    ["deep.csv", `a,y\n"${"[".repeat(1e5)}${"]".repeat(1e5)}",0\n`, "float[n, 1] a", NESTED],
    [
      "deep.jsonl",
      `{"a":${'{"b":'.repeat(1e5)}1${"}".repeat(1e5)},"y":0}\n`,
      "float[n, 1] a",
      NESTED,
    ],
    ["digits.csv", `a,y\n"1 ${"1".repeat(3e5)}x",0\n`, "float[n, 2] a", /is not a number/],
    ["quotes.jsonl", `{"a":NaN,"y":"${'\\"'.repeat(3e5)}\n`, "float[n, 1] a", /not a JSON object/],
    ["twice.csv", `${"c,".repeat(2e5)}y\n`, "float[n, 1] a", /two columns named c/],
    [
      "many.csv",
      `${Array.from({ length: 1e5 }, (_, k) => `c${k}`)},y\n`,
      "float[n, 1] a, float[n, 1] b",
      /no column a, .* it has c0, .* and 99993 more/,
    ],
    ["row.csv", new Uint8Array(18 << 20), "float[n, 1] a", /row of more than 16 MB.*every quote/],
  ] as const)("%s is refused in a sentence", async (name, text, inputs, why) => {
    await expect(read(inputs, written(name, text))).rejects.toThrow(why);
  });
});

describe("a model is trained on tables", () => {
  const file = path.join(folder, "m.onnx");
  fs.writeFileSync(
    file,
    modelOfText(`<ir_version: 8, opset_import: ["" : 17]>
net (float[n, 2] x) => (float[n, 3] y) <float[2, 3] w = {0.5, -0.25, 0.125, 1, 0, -1}, float[3] b = {0, 0.1, 0.2}>
{ y = Gemm(x, w, b) }`),
  );

  it("to the loss that NumPy gives, and the log says which class is which", async () => {
    const data = written("iris.csv", IRIS);
    const model = await openModel(file);
    const { history, classes } = await tune(model, {
      ort,
      data,
      loss: "cross-entropy",
      target: "kind",
      train: ["w"],
      epochs: 1,
      threads: 1,
    });
    // Cross-entropy of x @ w + b in float64 for labels 0, 1, 2, 0.
    expect(history.steps[0].loss).toBeCloseTo(NUMPY, 5);
    expect(classes.kind).toHaveLength(3);
    const out = path.join(folder, "tuned.onnx");
    const ran = cli([
      ...["finetune", file, "--data", data, "--eval", data, "--loss", "cross-entropy"],
      ...[
        "--target",
        "kind",
        "--columns",
        'x=petal, "sepal"',
        "--train",
        "w",
        "-e",
        "1",
        "-o",
        out,
      ],
    ]);
    expect(ran.code, ran.stderr).toBe(0);
    const log = JSON.parse(fs.readFileSync(out.replace(".onnx", ".json"), "utf8"));
    expect(log.classes).toEqual({ kind: ["setosa", "versi,color", "virginica"] });
    expect(log.settings.columns).toEqual(["x=petal,sepal"]);
  });
});

const NUMPY = 6.011292036635503;
