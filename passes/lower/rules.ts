import { BiasGelu, BiasSplitGelu, FastGelu, Gelu, QuickGelu, SwiGLU } from "./activations.ts";
import { MicrosoftAttention, MultiHeadAttention } from "./attention.ts";
import { NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss } from "./class-losses.ts";
import type { LoweringRule } from "./composite.ts";
import { Compress } from "./compress.ts";
import { FusedConv, NhwcConv, NhwcFusedConv } from "./convolutions.ts";
import { MatMulNBits } from "./few-bits.ts";
import { Attention, GroupQueryAttention } from "./grouped-attention.ts";
import { CausalConvWithState, LinearAttention, MicrosoftCausalConv } from "./linear-memory.ts";
import {
  BiasAdd,
  GroupNorm,
  LRN,
  MeanVarianceNormalization,
  SimplifiedLayerNormalization,
  SkipGroupNorm,
  SkipLayerNormalization,
  SkipSimplifiedLayerNormalization,
} from "./norms.ts";
import { FusedGemm, FusedMatMul, Gemm } from "./products.ts";
import {
  DynamicQuantizeLSTM,
  DynamicQuantizeMatMul,
  MatMulIntegerToFloat,
  QAttention,
  QGemm,
  QLinearAdd,
  QLinearAveragePool,
  QLinearConcat,
  QLinearConv,
  QLinearGlobalAveragePool,
  QLinearLeakyRelu,
  QLinearMatMul,
  QLinearMul,
  QLinearSigmoid,
  QLinearSoftmax,
  QLinearWhere,
} from "./quantized.ts";
import { GRU, LSTM, RNN } from "./recurrent.ts";
import { MicrosoftRotary, RotaryEmbedding } from "./rotary.ts";

/** The rules that lower composite operators, by operator. */
export const rules: Readonly<Record<string, LoweringRule>> = {
  Attention,
  CausalConvWithState,
  Compress,
  GRU,
  LRN,
  LSTM,
  LinearAttention,
  MeanVarianceNormalization,
  QLinearConv,
  QLinearMatMul,
  NegativeLogLikelihoodLoss,
  RNN,
  RotaryEmbedding,
  SimplifiedLayerNormalization,
  SoftmaxCrossEntropyLoss,
  SwiGLU,
  "com.microsoft.Attention": MicrosoftAttention,
  "com.microsoft.BiasAdd": BiasAdd,
  "com.microsoft.BiasGelu": BiasGelu,
  "com.microsoft.BiasSplitGelu": BiasSplitGelu,
  "com.microsoft.CausalConvWithState": MicrosoftCausalConv,
  "com.microsoft.DynamicQuantizeLSTM": DynamicQuantizeLSTM,
  "com.microsoft.DynamicQuantizeMatMul": DynamicQuantizeMatMul,
  "com.microsoft.FastGelu": FastGelu,
  "com.microsoft.FusedConv": FusedConv,
  "com.microsoft.FusedGemm": FusedGemm,
  "com.microsoft.FusedMatMul": FusedMatMul,
  "com.microsoft.Gelu": Gelu,
  "com.microsoft.GroupNorm": GroupNorm,
  "com.microsoft.GroupQueryAttention": GroupQueryAttention,
  "com.microsoft.LinearAttention": LinearAttention,
  "com.microsoft.MatMulIntegerToFloat": MatMulIntegerToFloat,
  "com.microsoft.MatMulNBits": MatMulNBits,
  "com.microsoft.MultiHeadAttention": MultiHeadAttention,
  "com.microsoft.NhwcConv": NhwcConv,
  "com.microsoft.NhwcFusedConv": NhwcFusedConv,
  "com.microsoft.QAttention": QAttention,
  "com.microsoft.QGemm": QGemm,
  "com.microsoft.QLinearAdd": QLinearAdd,
  "com.microsoft.QLinearAveragePool": QLinearAveragePool,
  "com.microsoft.QLinearConcat": QLinearConcat,
  "com.microsoft.QLinearConv": QLinearConv,
  "com.microsoft.QLinearGlobalAveragePool": QLinearGlobalAveragePool,
  "com.microsoft.QLinearLeakyRelu": QLinearLeakyRelu,
  "com.microsoft.QLinearMul": QLinearMul,
  "com.microsoft.QLinearSigmoid": QLinearSigmoid,
  "com.microsoft.QLinearSoftmax": QLinearSoftmax,
  "com.microsoft.QLinearWhere": QLinearWhere,
  "com.microsoft.QuickGelu": QuickGelu,
  "com.microsoft.RotaryEmbedding": MicrosoftRotary,
  "com.microsoft.SkipGroupNorm": SkipGroupNorm,
  "com.microsoft.SkipLayerNormalization": SkipLayerNormalization,
  "com.microsoft.SkipSimplifiedLayerNormalization": SkipSimplifiedLayerNormalization,
  "com.microsoft.TransposeMatMul": FusedMatMul,
};

/** Plain operators that are lowered only to reach a sum inside. */
export const plainRules: Readonly<Record<string, LoweringRule>> = { Gemm };
