/** Operators of other domains than ai.onnx of which no fact of the table holds, by domain. */
const WITHOUT_FACTS: Readonly<Record<string, string>> = {
  "ai.onnx.ml": `
    ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer
    Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier
    SVMRegressor Scaler TreeEnsembleClassifier TreeEnsembleRegressor
  `,
  "ai.onnx.preview.training": `
    Adagrad Adam Gradient Momentum
  `,
  "com.microsoft": `
    AttnLSTM BiasDropout BiasGelu BiasSoftmax BifurcationDetector BitmaskBiasDropout
    BitmaskDropout BranchwiseRMSNorm CDist ComplexMul ComplexMulConj ConvStateReplay
    ConvTransposeWithDynamicPads CropAndResize DecoderMaskedSelfAttention DequantizeBFP
    DequantizeWithOrder DynamicSparseAttention DynamicTimeWarping EPContext
    EmbedLayerNormalization EngramGate ExpandDims FastGelu GatedAdd GatedDeltaNet
    GatedDeltaNetStateReplay GatedRMSNorm GatedRelativePositionBias GatherBlockQuantized
    GatherND GatherPacked Gelu GemmFastGelu GemmaRotaryEmbedding GridSample
    HyperConnectionLowRankMix HyperConnectionPostMix HyperConnectionPreMix Inverse Irfft
    IsAllFinite LinearAttentionGate MRotaryEmbedding Mamba2Verify MatMulBlockQuantizedFp4Weight
    MatMulBlockQuantizedFp8Weight MatMulFpQ4 MatMulInteger16 MatMulNBitsMlp MatMulNBitsQLoRA
    MatMulNBitsQkv MatMulPacked MaxpoolWithMask MoEGroupRouter MoEPacked MulInteger MurmurHash3
    NGramHashMapping NGramRepeatBlock NhwcMaxPool PackedMultiHeadAttention
    PackedSparseAttentionIndexer PackedSparseAttentionIndexerMerge Pad PagedAttention
    QEmbedLayerNormalization
    QOrderedAttention QOrderedGelu QOrderedLayerNormalization QOrderedLongformerAttention
    QOrderedMatMul QuantizeBFP QuantizeWithOrder QuickGelu RMSNormRotary Range ReduceSumInteger
    RelativePositionBias RemovePadding RestorePadding Rfft RotaryEmbedding RouterGateUpProj
    SampleOp ScaledSiLU Snpe SparseAttention SparseAttentionIndexer SparsePagedAttention
    SparseToDenseMatMul SpeculativePrefixCommit SwiGLU Tokenizer TorchEmbedding Trilu
    UnfoldTensor Unique VarlenCausalConvWithState VarlenNGramHashMapping WordConvEmbedding
  `,
  "com.microsoft.nchwc": `
    GlobalMaxPool
  `,
};

/** Their names as in nodes: "com.microsoft.FastGelu". */
export const operatorsWithoutFacts: ReadonlySet<string> = new Set(
  Object.entries(WITHOUT_FACTS).flatMap(([domain, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => `${domain}.${name}`),
  ),
);
