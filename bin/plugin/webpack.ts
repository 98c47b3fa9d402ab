import { createWebpackPlugin } from "unplugin";
import type { WebpackPluginInstance } from "webpack";
import type { PluginOptions } from "./model-modules.ts";
import { laurelizePlugin } from "./plugin.ts";

/** Makes the plugin for webpack. */
export const laurelizeWebpack: (options?: PluginOptions) => WebpackPluginInstance =
  createWebpackPlugin(laurelizePlugin);

export type { PluginOptions };
export { laurelizeWebpack as default, laurelizeWebpack as laurelize };
