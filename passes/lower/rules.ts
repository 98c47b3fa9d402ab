import { loweredActivations } from "./activations.ts";
import { MicrosoftAttention, MultiHeadAttention } from "./attention.ts";
import { NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss } from "./class-losses.ts";
import type { LoweringTable } from "./composite.ts";
import { Compress } from "./compress.ts";
import { loweredConvolutions } from "./convolutions.ts";
import { DeformConv } from "./deformed.ts";
import { MatMulNBits } from "./few-bits.ts";
import { Attention, GroupQueryAttention } from "./grouped-attention.ts";
import { CausalConvWithState, LinearAttention, MicrosoftCausalConv } from "./linear-memory.ts";
import { loweredNorms } from "./norms.ts";
import { FusedGemm, FusedMatMul, Gemm } from "./products.ts";
import { loweredQuantized } from "./quantized.ts";
import { loweredRecurrences } from "./recurrent.ts";
import { MicrosoftRotary, RotaryEmbedding } from "./rotary.ts";

/** The rules that lower composite operators, by operator. */
export const rules: LoweringTable = {
  ...loweredActivations,
  ...loweredConvolutions,
  ...loweredNorms,
  ...loweredQuantized,
  ...loweredRecurrences,
  Attention,
  CausalConvWithState,
  Compress,
  DeformConv,
  LinearAttention,
  NegativeLogLikelihoodLoss,
  RotaryEmbedding,
  SoftmaxCrossEntropyLoss,
  "com.microsoft.Attention": MicrosoftAttention,
  "com.microsoft.CausalConvWithState": MicrosoftCausalConv,
  "com.microsoft.FusedGemm": FusedGemm,
  "com.microsoft.FusedMatMul": FusedMatMul,
  "com.microsoft.GroupQueryAttention": GroupQueryAttention,
  "com.microsoft.LinearAttention": LinearAttention,
  "com.microsoft.MatMulNBits": MatMulNBits,
  "com.microsoft.MultiHeadAttention": MultiHeadAttention,
  "com.microsoft.RotaryEmbedding": MicrosoftRotary,
  "com.microsoft.TransposeMatMul": FusedMatMul,
};

/** Plain operators that are lowered only to reach a sum inside. */
export const plainRules: LoweringTable = { Gemm };
