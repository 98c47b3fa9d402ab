/**
 * The path of the PyTorch module that a node belongs to, by the node's name as torch.onnx.export
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

/**
 * Paths under which the sites of a model have their modules: "layer1.0.laurel"; if a module holds
 * several sites, "blocks.0.laurel.0" and so on in the order of the sites, as in an nn.ModuleList.
 */
export function laurelPaths(sites: readonly string[]): string[] {
  const modules = sites.map(modulePath);
  const counts = new Map<string, number>();
  for (const path of modules) counts.set(path, (counts.get(path) ?? 0) + 1);
  const next = new Map<string, number>();
  return modules.map((path) => {
    if (counts.get(path) === 1) return `${path}.laurel`;
    const index = next.get(path) ?? 0;
    next.set(path, index + 1);
    return `${path}.laurel.${index}`;
  });
}
