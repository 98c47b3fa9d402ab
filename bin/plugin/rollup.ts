import type { Plugin } from "rollup";
import { createRollupPlugin } from "unplugin";
import type { PluginOptions } from "./model-modules.ts";
import { laurelizePlugin } from "./plugin.ts";

/** Makes the plugin for Rollup. */
export const laurelizeRollup: (options?: PluginOptions) => Plugin = createRollupPlugin(
  laurelizePlugin,
) as (options?: PluginOptions) => Plugin;

export type { PluginOptions };
export { laurelizeRollup as default, laurelizeRollup as laurelize };
