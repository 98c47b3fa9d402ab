import { createVitePlugin } from "unplugin";
import type { Plugin } from "vite";
import type { PluginOptions } from "./model-modules.ts";
import { laurelizePlugin } from "./plugin.ts";

/** Makes the plugin for Vite. */
export const laurelizeVite: (options?: PluginOptions) => Plugin = createVitePlugin(
  laurelizePlugin,
) as (options?: PluginOptions) => Plugin;

export type { PluginOptions };
export { laurelizeVite as default, laurelizeVite as laurelize };
