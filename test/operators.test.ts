import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { EXTENSIONS } from "../src/graph/extension-operators.ts";
import {
  FACTS,
  isKnownOperator,
  OPERAND_FACTS,
  OPERATOR_FACTS,
  operatorsThat,
  sinceOf,
} from "../src/graph/operators.ts";
import { STANDARD } from "../src/graph/standard-operators.ts";
import { judgePython } from "./support/judge.ts";
import { operatorsWithoutFacts } from "./support/operators-without-facts.ts";

type Row = readonly [op: string, versions: readonly number[], deprecated: boolean, body: string];
const folder = path.join(import.meta.dirname, "judge");
const { operators, versions } = JSON.parse(
  fs.readFileSync(path.join(folder, "schemas.json"), "utf8"),
) as { operators: readonly Row[]; versions: Record<string, string> };

/** Operators that the table need not have, and why. */
const NEEDLESS: readonly (readonly [RegExp, string])[] = [
  [/^com\.ms\.internal\./, "onnxruntime makes them in memory for one device; no file holds them"],
];

const missing = (rows: readonly Row[]) =>
  rows.flatMap(([op]) =>
    isKnownOperator(op) ||
    operatorsWithoutFacts.has(op) ||
    NEEDLESS.some(([needless]) => needless.test(op))
      ? []
      : [op],
  );

const misspelt = (table: string) =>
  table
    .split("\n")
    .flatMap((row) => row.split(" ").slice(2))
    .filter((fact) => {
      const [word, positions] = fact.split("=");
      const stated = { ...OPERAND_FACTS, ...OPERATOR_FACTS };
      return !Object.hasOwn(positions === undefined ? FACTS : stated, word);
    });

describe("the table of operators", () => {
  it("has every operator of onnx and of onnxruntime", () => {
    expect(operators.length).toBeGreaterThan(350);
    expect(missing(operators)).toEqual([]);
  });

  it("shows one that it lacks", () => {
    expect(missing([["Unheard", [29], false, "no"]])).toEqual(["Unheard"]);
  });

  it("has the version that brought each", () => {
    const listed = (op: string) => isKnownOperator(op) || operatorsWithoutFacts.has(op);
    const wrong = operators.filter(([op, [first]]) => listed(op) && sinceOf(op) !== first);
    expect(wrong).toEqual([]);
    expect(sinceOf("SwiGLU")).toBe(28);
  });

  it("has facts that exist", () => {
    expect(misspelt(`${STANDARD}${EXTENSIONS}`)).toEqual([]);
    expect(misspelt("Add 1 adition weight=1")).toEqual(["adition", "weight=1"]);
    expect(operatorsThat("attention")).toContain("LinearAttention");
    expect(operatorsThat("convolution")).toContain("CausalConvWithState");
    expect(operatorsThat("layout")).not.toContain("BitCast");
  });

  const python = judgePython();
  it.skipIf(!python)("is checked against what the installed onnx and onnxruntime have", () => {
    const { stdout } = spawnSync(python!, [path.join(folder, "schemas.py")], { encoding: "utf8" });
    const installed = JSON.parse(stdout) as { operators: readonly Row[]; versions: object };
    const lacking = missing(installed.operators);
    if (JSON.stringify(installed.versions) === JSON.stringify(versions))
      expect(lacking).toEqual([]);
    else if (lacking.length > 0) console.warn(`not in the table: ${lacking.join(", ")}`);
    expect(installed.operators.length).toBeGreaterThan(350);
  });
});
