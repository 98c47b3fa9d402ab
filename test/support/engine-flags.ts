/**
 * How V8 runs tests, which rarely run the same code for long: WebAssembly as it is compiled first,
 * and JavaScript without the optimizing compiler until a function has run 15 times as much as usual.
 */
export const ENGINE_FLAGS = ["--liftoff-only", "--interrupt-budget=1000000"];
