/** What a loader of webpack or Rspack is given, as far as it is used here. */
interface LoaderContext {
  readonly resource: string;
  async(): (error: Error | null, code?: string) => void;
  getOptions(): { readonly load: LoadModel };
  addDependency(file: string): void;
  emitWarning(warning: Error): void;
}

/** Receives the files that a result depends on, and warnings. */
export interface Listener {
  watch(file: string): void;
  warn(warning: string): void;
}

/** Returns the module that an import of a model yields. */
export type LoadModel = (id: string, listener: Listener) => Promise<string>;

/**
 * Yields a model's module before webpack reads the file itself: webpack pads characters of a path
 * with \0 and Rspack with a zero-width space.
 */
export function pitch(this: LoaderContext): void {
  const done = this.async();
  const id = this.resource.replace(/[\0\u200b](.)/g, "$1");
  const { load } = this.getOptions();
  const listener: Listener = {
    watch: (file) => this.addDependency(file),
    warn: (warning) => this.emitWarning(new Error(warning)),
  };
  load(id, listener).then((code) => done(null, code), done);
}

/** Loads nothing: `pitch` does. */
const loader = (source: string): string => source;

export { loader as default };
