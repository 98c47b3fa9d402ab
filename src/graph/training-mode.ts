import { listed } from "../figures.ts";
import { numbersOf } from "./constants.ts";
import { attribute, type Graph, type Node, titleOf } from "./graph.ts";
import { graphNodes } from "./scopes.ts";

/** The opset from which an attribute, not the number of outputs, shows the mode. */
const MODE = 14;

const NAMED = 3;

/** Returns a warning about nodes that drop values at random or use the batch's statistics. */
export function trainingWarnings(graph: Graph): string[] {
  const training = graphNodes(graph).filter(trains);
  if (training.length === 0) return [];
  const names = listed(training.map(titleOf), NAMED);
  const [are, their] = training.length === 1 ? ["is", "its"] : ["are", "their"];
  return [
    `${names} ${are} left in training mode, so ${their} output depends on chance or on the batch; export the model for evaluation. The proof runs Dropout in evaluation mode.`,
  ];
}

function trains(node: Node): boolean {
  if (node.op === "Dropout") return Boolean(numbersOf(node.inputs[2])?.[0]);
  if (node.op !== "BatchNormalization") return false;
  return node.scope.file.opset < MODE
    ? node.outputs.slice(1).some((output) => output !== null)
    : attribute(node, "training_mode")?.i === 1;
}
