import type { RspackPluginInstance } from "@rspack/core";
import { createRspackPlugin } from "unplugin";
import type { PluginOptions } from "./model-modules.ts";
import { laurelizePlugin } from "./plugin.ts";

/** Makes the plugin for Rspack. */
export const laurelizeRspack: (options?: PluginOptions) => RspackPluginInstance =
  createRspackPlugin(laurelizePlugin);

export type { PluginOptions };
export { laurelizeRspack as default, laurelizeRspack as laurelize };
