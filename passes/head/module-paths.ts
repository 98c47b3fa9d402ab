/**
 * Returns the path of a node's PyTorch module, by the node's name as torch.onnx.export
 * writes it: "layer1.0" for "/layer1/layer1.0/Add". A scope that goes on from the one before it
 * takes its place; another one is appended. A name without scopes stands for itself.
 */
export function modulePath(site: string): string {
  const scopes = site.split("/").filter((part) => part !== "");
  const inside = scopes.length > 1 ? scopes.slice(0, -1) : scopes;
  const parts: string[] = [];
  for (const scope of inside) {
    const before = parts.at(-1);
    if (before !== undefined && scope.startsWith(`${before}.`)) parts.pop();
    parts.push(scope);
  }
  return parts.join(".");
}

/** The key under which torch.onnx.export notes a node's scopes when it exports by dynamo. */
const SCOPES = "pkg.torch.onnx.name_scopes";

/**
 * Returns the path of a module in what torch.onnx.export notes of a node: "layer1.0" for
 * "['', 'layer1', 'layer1.0', 'add_105']". Null if it notes nothing, or the node is in no module.
 */
export function notedPath(metadata: ReadonlyMap<string, string>): string | null {
  const list = metadata.get(SCOPES) ?? "";
  const scopes = [...list.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, a, b]) => a ?? b);
  return scopes.at(-2) || null;
}

/**
 * Returns the paths of sites' modules, by the modules that hold the sites: "layer1.0.laurel". If a
 * module holds several, they are "blocks.0.laurel.0" and so on in their order, as in an
 * nn.ModuleList.
 */
export function laurelPaths(modules: readonly string[]): string[] {
  return modules.map((path, k) => {
    if (modules.indexOf(path) === modules.lastIndexOf(path)) return `${path}.laurel`;
    const before = modules.slice(0, k).filter((other) => other === path);
    return `${path}.laurel.${before.length}`;
  });
}
