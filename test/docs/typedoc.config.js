import fs from "node:fs";
import { Comment, Converter, ReferenceType, ReflectionKind, UnknownType } from "typedoc";
import ts from "typescript";

const root = new URL("../../", import.meta.url);
const at = (path) => new URL(path, root).pathname;
const { exports } = JSON.parse(fs.readFileSync(new URL("package.json", root), "utf8"));

/** The sources of what users import, by the name of the import. */
const entries = Object.entries(exports).flatMap(([name, { default: built } = {}]) =>
  built ? [[name.replace(/^\./, "laurelize"), at(built.replace(/dist\/(.*)\.js$/, "$1.ts"))]] : [],
);

/** Names each module as users import it, and each document by its heading. */
const named = ({ converter }) => {
  converter.on(Converter.EVENT_CREATE_DECLARATION, (_, reflection) => {
    const [source] = reflection.sources ?? [];
    const [name] = entries.find(([, file]) => file === source?.fullFileName) ?? [];
    if (reflection.parent?.isProject() && name) reflection.name = name;
  });
  converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    const [, heading] = /^# (.+)$/m.exec(Comment.combineDisplayParts(document.content)) ?? [];
    document.name = heading ?? document.name;
  });
};

const { InTypeAlias, NoTruncation } = ts.TypeFormatFlags;

/** The description that an option is declared with; null for what is no such declaration. */
function descriptionOf(symbol) {
  const [declaration] = symbol?.declarations ?? [];
  const { initializer } = declaration ?? {};
  if (!initializer || !ts.isObjectLiteralExpression(initializer)) return null;
  const describe = initializer.properties.find(
    (property) => property.name?.getText() === "describe",
  );
  return describe ? describe.initializer.text.replace(/\s*\[default: .*/, "") : null;
}

/** Gives options that are declared as data their descriptions and the types of their values. */
const described = ({ converter }) => {
  const types = new Map();
  converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.kind !== ReflectionKind.Property) return;
    const symbol = context.getSymbolFromReflection(reflection);
    const text = descriptionOf(symbol);
    if (text === null) return;
    reflection.comment = new Comment([{ kind: "text", text }]);
    const type = context.checker.getNonNullableType(context.checker.getTypeOfSymbol(symbol));
    types.set(
      reflection,
      context.checker.typeToString(type, undefined, InTypeAlias | NoTruncation),
    );
  });
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const [reflection, type] of types) {
      if (!(reflection.type instanceof ReferenceType)) continue;
      for (const { declaration } of reflection.type.typeArguments ?? [])
        if (declaration) project.removeReflection(declaration);
      reflection.type = new UnknownType(type);
    }
  });
};

const documents = [
  "test/recipes/README.md",
  "bin/README.md",
  "passes/README.md",
  "src/README.md",
  "CHANGELOG.md",
];

/** typedoc's options: pages of docstrings and of the documents beside the code, in dist/docs. */
const options = {
  name: "laurelize",
  entryPoints: entries.map(([, file]) => file),
  plugin: [named, described],
  tsconfig: at("tsconfig.json"),
  out: at("dist/docs"),
  readme: at("README.md"),
  projectDocuments: documents.map(at),
  includeVersion: true,
  disableGit: true,
  sourceLinkTemplate: "https://github.com/laurelize/laurelize/blob/main/{path}#L{line}",
  excludeExternals: true,
  excludePrivate: true,
  highlightLanguages: ["bash", "html", "javascript", "json", "python", "tsx", "typescript"],
  // Types of single fields are not exported by name; what is must have a docstring.
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: ["Function", "Class", "Interface", "TypeAlias", "Variable"],
};

export { options as default };
