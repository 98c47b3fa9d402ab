/** Operators of other domains: name, the opset that introduced it, facts. Most have none and no row. */
export const EXTENSIONS = `
ai.onnx.ml.TreeEnsemble 5
ai.onnx.ml.ZipMap 1 chooses
ai.onnx.preview.FlexAttention 1 attention
com.microsoft.Attention 1 block
com.microsoft.BeamSearch 1 search
com.microsoft.BiasAdd 1 addition missing
com.microsoft.BiasSplitGelu 1 missing
com.microsoft.CausalConvWithState 1 convolution
com.microsoft.DecoderAttention 1 block
com.microsoft.DecoderMaskedMultiHeadAttention 1 attention
com.microsoft.DequantizeLinear 1 layout quantizer
com.microsoft.DynamicQuantizeLSTM 1 block
com.microsoft.DynamicQuantizeMatMul 1 product quantized
com.microsoft.EmbedLayerNormalization 1 lookup
com.microsoft.FusedConv 1 convolution added=3 closed=3
com.microsoft.FusedGemm 1 product added=2
com.microsoft.FusedMatMul 1 product bilinear matmul
com.microsoft.FusedMatMulActivation 1 product
com.microsoft.GatherBlockQuantized 1 lookup
com.microsoft.GemmFloat8 1 product
com.microsoft.GreedySearch 1 search
com.microsoft.GroupNorm 1 projection missing
com.microsoft.GroupQueryAttention 1 attention
com.microsoft.LinearAttention 1 attention
com.microsoft.LongformerAttention 1 block
com.microsoft.MatMulBnb4 1 product
com.microsoft.MatMulIntegerToFloat 1 product quantized
com.microsoft.MatMulNBits 1 product
com.microsoft.MoE 1 block
com.microsoft.MultiHeadAttention 1 attention
com.microsoft.NhwcConv 1 convolution missing nhwc
com.microsoft.NhwcFusedConv 1 convolution missing nhwc added=3 closed=3
com.microsoft.PackedAttention 1 block
com.microsoft.QAttention 1 block
com.microsoft.QEmbedLayerNormalization 1 lookup
com.microsoft.QGemm 1 product factors=0,3 zero=8
com.microsoft.QLinearAdd 1 addition closed=0,3 zero=7 floats=Add
com.microsoft.QLinearAveragePool 1 shrinks zero=4 floats=AveragePool
com.microsoft.QLinearConcat 1 zero=1 floats=Concat
com.microsoft.QLinearConv 1 convolution factors=0,3 zero=7 floats=Conv
com.microsoft.QLinearGlobalAveragePool 1 shrinks global zero=4 floats=GlobalAveragePool
com.microsoft.QLinearLeakyRelu 1 floats=LeakyRelu
com.microsoft.QLinearMul 1 factors=0,3 zero=7 floats=Mul
com.microsoft.QLinearReduceMean 1 zero=4 floats=ReduceMean
com.microsoft.QLinearSigmoid 1 floats=Sigmoid
com.microsoft.QLinearSoftmax 1 floats=Softmax
com.microsoft.QLinearWhere 1 floats=Where
com.microsoft.QMoE 1 block
com.microsoft.QuantizeLinear 1 layout quantizer zero=2
com.microsoft.Sampling 1 search
com.microsoft.SkipGroupNorm 1 missing
com.microsoft.SkipLayerNormalization 1 half sum
com.microsoft.SkipSimplifiedLayerNormalization 1 half sum
com.microsoft.TransposeMatMul 1 product
com.microsoft.WhisperBeamSearch 1 search
com.microsoft.nchwc.AveragePool 1 projection shrinks
com.microsoft.nchwc.Conv 1 convolution closed=3
com.microsoft.nchwc.GlobalAveragePool 1 projection shrinks global
com.microsoft.nchwc.GlobalMaxPool 1 shrinks global
com.microsoft.nchwc.MaxPool 1 projection shrinks peaks
com.microsoft.nchwc.ReorderInput 1 layout
com.microsoft.nchwc.ReorderOutput 1 layout
com.microsoft.nchwc.Upsample 1 enlarges
com.ms.internal.nhwc.Conv 1 convolution nhwc
`;
