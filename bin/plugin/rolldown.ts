import type { Plugin } from "rolldown";
import { createRolldownPlugin } from "unplugin";
import type { PluginOptions } from "./model-modules.ts";
import { laurelizePlugin } from "./plugin.ts";

/** Makes the plugin for Rolldown. */
export const laurelizeRolldown: (options?: PluginOptions) => Plugin = createRolldownPlugin(
  laurelizePlugin,
) as (options?: PluginOptions) => Plugin;

export type { PluginOptions };
export { laurelizeRolldown as default, laurelizeRolldown as laurelize };
