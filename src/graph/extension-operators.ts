/** The operators of other domains, one per row: name, the opset that introduced it, facts. */
export const EXTENSIONS = `
ai.onnx.ml.ArrayFeatureExtractor 1
ai.onnx.ml.Binarizer 1
ai.onnx.ml.CastMap 1
ai.onnx.ml.CategoryMapper 1
ai.onnx.ml.DictVectorizer 1
ai.onnx.ml.FeatureVectorizer 1
ai.onnx.ml.Imputer 1
ai.onnx.ml.LabelEncoder 1
ai.onnx.ml.LinearClassifier 1
ai.onnx.ml.LinearRegressor 1
ai.onnx.ml.Normalizer 1
ai.onnx.ml.OneHotEncoder 1
ai.onnx.ml.SVMClassifier 1
ai.onnx.ml.SVMRegressor 1
ai.onnx.ml.Scaler 1
ai.onnx.ml.TreeEnsemble 5
ai.onnx.ml.TreeEnsembleClassifier 1
ai.onnx.ml.TreeEnsembleRegressor 1
ai.onnx.ml.ZipMap 1 chooses
ai.onnx.preview.FlexAttention 1 attention
ai.onnx.preview.training.Adagrad 1
ai.onnx.preview.training.Adam 1
ai.onnx.preview.training.Gradient 1
ai.onnx.preview.training.Momentum 1
com.microsoft.Attention 1 block
com.microsoft.AttnLSTM 1
com.microsoft.BeamSearch 1 search
com.microsoft.BiasAdd 1 addition missing
com.microsoft.BiasDropout 1
com.microsoft.BiasGelu 1
com.microsoft.BiasSoftmax 1
com.microsoft.BiasSplitGelu 1 missing
com.microsoft.BifurcationDetector 1
com.microsoft.BitmaskBiasDropout 1
com.microsoft.BitmaskDropout 1
com.microsoft.BranchwiseRMSNorm 1
com.microsoft.CDist 1
com.microsoft.CausalConvWithState 1 convolution
com.microsoft.ComplexMul 1
com.microsoft.ComplexMulConj 1
com.microsoft.ConvStateReplay 1
com.microsoft.ConvTransposeWithDynamicPads 1
com.microsoft.CropAndResize 1
com.microsoft.DecoderAttention 1 block
com.microsoft.DecoderMaskedMultiHeadAttention 1 attention
com.microsoft.DecoderMaskedSelfAttention 1
com.microsoft.DequantizeBFP 1
com.microsoft.DequantizeLinear 1 layout
com.microsoft.DequantizeWithOrder 1
com.microsoft.DynamicQuantizeLSTM 1 block
com.microsoft.DynamicQuantizeMatMul 1 product quantized
com.microsoft.DynamicSparseAttention 1
com.microsoft.DynamicTimeWarping 1
com.microsoft.EPContext 1
com.microsoft.EmbedLayerNormalization 1
com.microsoft.EngramGate 1
com.microsoft.ExpandDims 1
com.microsoft.FastGelu 1
com.microsoft.FusedConv 1 convolution
com.microsoft.FusedGemm 1 product
com.microsoft.FusedMatMul 1 product bilinear matmul
com.microsoft.FusedMatMulActivation 1 product
com.microsoft.GatedAdd 1
com.microsoft.GatedDeltaNet 1
com.microsoft.GatedDeltaNetStateReplay 1
com.microsoft.GatedRMSNorm 1
com.microsoft.GatedRelativePositionBias 1
com.microsoft.GatherBlockQuantized 1
com.microsoft.GatherND 1
com.microsoft.GatherPacked 1
com.microsoft.Gelu 1
com.microsoft.GemmFastGelu 1
com.microsoft.GemmFloat8 1 product
com.microsoft.GemmaRotaryEmbedding 1
com.microsoft.GreedySearch 1 search
com.microsoft.GridSample 1
com.microsoft.GroupNorm 1 projection missing
com.microsoft.GroupQueryAttention 1 attention
com.microsoft.HyperConnectionLowRankMix 1
com.microsoft.HyperConnectionPostMix 1
com.microsoft.HyperConnectionPreMix 1
com.microsoft.Inverse 1
com.microsoft.Irfft 1
com.microsoft.IsAllFinite 1
com.microsoft.LinearAttention 1 attention
com.microsoft.LinearAttentionGate 1
com.microsoft.LongformerAttention 1 block
com.microsoft.MRotaryEmbedding 1
com.microsoft.Mamba2Verify 1
com.microsoft.MatMulBlockQuantizedFp4Weight 1
com.microsoft.MatMulBlockQuantizedFp8Weight 1
com.microsoft.MatMulBnb4 1 product
com.microsoft.MatMulFpQ4 1
com.microsoft.MatMulInteger16 1
com.microsoft.MatMulIntegerToFloat 1 product quantized
com.microsoft.MatMulNBits 1 product
com.microsoft.MatMulNBitsMlp 1
com.microsoft.MatMulNBitsQLoRA 1
com.microsoft.MatMulNBitsQkv 1
com.microsoft.MatMulPacked 1
com.microsoft.MaxpoolWithMask 1
com.microsoft.MoE 1 block
com.microsoft.MoEGroupRouter 1
com.microsoft.MoEPacked 1
com.microsoft.MulInteger 1
com.microsoft.MultiHeadAttention 1 attention
com.microsoft.MurmurHash3 1
com.microsoft.NGramHashMapping 1
com.microsoft.NGramRepeatBlock 1
com.microsoft.NhwcConv 1 convolution missing
com.microsoft.NhwcFusedConv 1 convolution missing
com.microsoft.NhwcMaxPool 1
com.microsoft.PackedAttention 1 block
com.microsoft.PackedMultiHeadAttention 1
com.microsoft.PackedSparseAttentionIndexer 1
com.microsoft.PackedSparseAttentionIndexerMerge 1
com.microsoft.Pad 1
com.microsoft.PagedAttention 1
com.microsoft.QAttention 1 block
com.microsoft.QEmbedLayerNormalization 1
com.microsoft.QGemm 1 product
com.microsoft.QLinearAdd 1 addition
com.microsoft.QLinearAveragePool 1
com.microsoft.QLinearConcat 1
com.microsoft.QLinearConv 1 convolution
com.microsoft.QLinearGlobalAveragePool 1
com.microsoft.QLinearLeakyRelu 1
com.microsoft.QLinearMul 1
com.microsoft.QLinearReduceMean 1
com.microsoft.QLinearSigmoid 1
com.microsoft.QLinearSoftmax 1
com.microsoft.QLinearWhere 1
com.microsoft.QMoE 1 block
com.microsoft.QOrderedAttention 1
com.microsoft.QOrderedGelu 1
com.microsoft.QOrderedLayerNormalization 1
com.microsoft.QOrderedLongformerAttention 1
com.microsoft.QOrderedMatMul 1
com.microsoft.QuantizeBFP 1
com.microsoft.QuantizeLinear 1 layout
com.microsoft.QuantizeWithOrder 1
com.microsoft.QuickGelu 1
com.microsoft.RMSNormRotary 1
com.microsoft.Range 1
com.microsoft.ReduceSumInteger 1
com.microsoft.RelativePositionBias 1
com.microsoft.RemovePadding 1
com.microsoft.RestorePadding 1
com.microsoft.Rfft 1
com.microsoft.RotaryEmbedding 1
com.microsoft.RouterGateUpProj 1
com.microsoft.SampleOp 1
com.microsoft.Sampling 1 search
com.microsoft.ScaledSiLU 1
com.microsoft.SkipGroupNorm 1 missing
com.microsoft.SkipLayerNormalization 1 half sum
com.microsoft.SkipSimplifiedLayerNormalization 1 half sum
com.microsoft.Snpe 1
com.microsoft.SparseAttention 1
com.microsoft.SparseAttentionIndexer 1
com.microsoft.SparsePagedAttention 1
com.microsoft.SparseToDenseMatMul 1
com.microsoft.SpeculativePrefixCommit 1
com.microsoft.SwiGLU 1
com.microsoft.Tokenizer 1
com.microsoft.TorchEmbedding 1
com.microsoft.TransposeMatMul 1 product
com.microsoft.Trilu 1
com.microsoft.UnfoldTensor 1
com.microsoft.Unique 1
com.microsoft.VarlenCausalConvWithState 1
com.microsoft.VarlenNGramHashMapping 1
com.microsoft.WhisperBeamSearch 1 search
com.microsoft.WordConvEmbedding 1
com.microsoft.nchwc.AveragePool 1 projection
com.microsoft.nchwc.Conv 1 convolution
com.microsoft.nchwc.GlobalAveragePool 1 projection
com.microsoft.nchwc.GlobalMaxPool 1
com.microsoft.nchwc.MaxPool 1 projection
com.microsoft.nchwc.ReorderInput 1 layout
com.microsoft.nchwc.ReorderOutput 1 layout
com.microsoft.nchwc.Upsample 1 enlarges
com.ms.internal.nhwc.Conv 1 convolution
`;
