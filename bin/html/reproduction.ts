import fs from "node:fs";
import path from "node:path";
import { fileSource } from "../../passes/internal.ts";
import { VERSION } from "../../src/version.ts";
import { hashOf } from "../hash-file.ts";
import { READ } from "../heed.ts";
import { installedRuntime } from "../installed-runtime.ts";
import { shellQuoted } from "../print.ts";
import { lines, type Section, table } from "./markup.ts";

interface FileRecord {
  readonly path: string;
  /** Size in bytes; null for a folder. */
  readonly bytes: number | null;
  /** In hexadecimal; null for a folder, and for a file that is larger than 4 GB. */
  readonly sha256: string | null;
}

/** How to make a result again: the command, the versions, and the files. */
export interface Reproduction {
  readonly command: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly inputs: readonly FileRecord[];
  readonly outputs: readonly FileRecord[];
}

/** Size in bytes above which a file is not hashed. */
const LARGEST = 4e9;

/** Describes a file, which lies at `at` until it gets its name. */
async function fileRecord(name: string, at = name): Promise<FileRecord> {
  const stat = fs.statSync(at);
  if (!stat.isFile()) return { path: name, bytes: null, sha256: null };
  const sha256 = stat.size > LARGEST ? null : await hashOf(fileSource(at));
  return { path: name, bytes: stat.size, sha256 };
}

/** Returns how to make a result again. `outputs` says where each file lies, by its name. */
export async function reproductionOf(
  args: { readonly words?: readonly string[] | undefined },
  dataFiles: readonly string[],
  outputs: ReadonlyMap<string, string>,
): Promise<Reproduction> {
  const given = args as Readonly<Record<string, unknown>>;
  const files = READ.flatMap((name) => [given[name]].flat()).filter(
    (file): file is string => typeof file === "string" && fs.existsSync(file),
  );
  const runtime = installedRuntime();
  return {
    command: `npx laurelize@${VERSION} ${(args.words ?? []).map(quoted).join(" ")}`,
    versions: {
      laurelize: VERSION,
      ...(runtime ? { "onnxruntime-node": runtime.version } : {}),
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
    },
    inputs: await Promise.all(
      [...new Set([...files, ...dataFiles])].map((file) => fileRecord(file)),
    ),
    outputs: await Promise.all([...outputs].map(([name, at]) => fileRecord(name, at))),
  };
}

/** A word as a shell takes it. */
const quoted = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuoted(word));

/** Returns how to make a result again, as a part of a page. */
export function reproductionSection(made: Reproduction): Section {
  const { command, versions, inputs, outputs } = made;
  return {
    title: "How to reproduce",
    content: [
      lines(command),
      table("Versions", Object.entries(versions), {
        program: ([name]) => name,
        version: ([, version]) => version,
      }),
      table("Files", [...inputs, ...outputs], {
        role: (file) => (inputs.includes(file) ? "input" : "output"),
        file: (file) => path.normalize(file.path),
        bytes: ({ bytes }) => bytes?.toLocaleString("en") ?? "folder",
        "SHA-256": ({ sha256 }) => sha256 ?? "not computed",
      }),
    ].join("\n"),
  };
}
