import type { Plugin } from "esbuild";
import { createEsbuildPlugin } from "unplugin";
import type { PluginOptions } from "./model-modules.ts";
import { laurelizePlugin } from "./plugin.ts";

/** Makes the plugin for esbuild. */
export const laurelizeEsbuild: (options?: PluginOptions) => Plugin =
  createEsbuildPlugin(laurelizePlugin);

export type { PluginOptions };
export { laurelizeEsbuild as default, laurelizeEsbuild as laurelize };
