/** Runs WebAssembly as it is compiled first: optimizing it would take longer than tests run it. */
export const WASM_FLAGS = ["--liftoff-only"];
