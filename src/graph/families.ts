type Ints = readonly number[];

/** Attributes of the reductions; `axes` is one before it became an input. */
export interface Reducing {
  readonly axes?: Ints;
  readonly keepdims?: number;
  readonly noop_with_empty_axes?: number;
}

/** Attributes of the convolutions. */
export interface Convolving {
  readonly auto_pad?: string;
  readonly dilations?: Ints;
  readonly group?: number;
  readonly kernel_shape?: Ints;
  readonly pads?: Ints;
  readonly strides?: Ints;
}

/** Attributes of the poolings. */
export interface Pooling {
  readonly auto_pad?: string;
  readonly ceil_mode?: number;
  readonly dilations?: Ints;
  readonly kernel_shape: Ints;
  readonly pads?: Ints;
  readonly storage_order?: number;
  readonly strides?: Ints;
}
