/**
 * The operators of ai.onnx, one per row: name, the operator set version that introduced it, facts.
 */
export const STANDARD = `
Abs 1
Acos 7
Acosh 9
Add 1 addition sum elementwise
AffineGrid 20
And 1
ArgMax 1
ArgMin 1
Asin 7
Asinh 9
Atan 7
Atanh 9
Attention 23 attention
AveragePool 1 projection
BatchNormalization 1 projection
Bernoulli 15 random
BitCast 26
BitShift 11
BitwiseAnd 18
BitwiseNot 18
BitwiseOr 18
BitwiseXor 18
BlackmanWindow 17
Cast 1 layout half reshapes
CastLike 15 layout
CausalConvWithState 27 convolution
Ceil 1
Celu 12
CenterCropPad 18
Clip 1
Col2Im 18
Compress 9
Concat 1 layout half
ConcatFromSequence 11
Constant 1
ConstantOfShape 9
Conv 1 convolution
ConvInteger 10 convolution quantized
ConvTranspose 1 convolution enlarges
Cos 7
Cosh 9
CumProd 26
CumSum 11
DFT 17
DeformConv 19 convolution
DepthToSpace 1 layout enlarges
DequantizeLinear 10 layout
Det 11
Div 1 elementwise
Dropout 1 layout
DynamicQuantizeLinear 11 layout
Einsum 12 product
Elu 1
Equal 1
Erf 9
Exp 1
Expand 8 layout half
EyeLike 9
Flatten 1 layout half reshapes
Floor 1
GRU 1 block
Gather 1 layout half
GatherElements 11
GatherND 11
Gelu 20
Gemm 1 product
GlobalAveragePool 1 projection
GlobalLpPool 1
GlobalMaxPool 1 projection
Greater 1
GreaterOrEqual 12
GridSample 16 enlarges
GroupNormalization 18 projection
HammingWindow 17
HannWindow 17
HardSigmoid 1
HardSwish 14
Hardmax 1
Identity 1 layout half reshapes
If 1
ImageDecoder 20
InstanceNormalization 1 projection
IsInf 10
IsNaN 9
LRN 1
LSTM 1 block
LayerNormalization 17 projection half
LeakyRelu 1
Less 1
LessOrEqual 12
LinearAttention 27 attention
Log 1
LogSoftmax 1
Loop 1
LpNormalization 1 projection
LpPool 1 projection
MatMul 1 product bilinear
MatMulInteger 10 product quantized
Max 1
MaxPool 1 projection
MaxRoiPool 1
MaxUnpool 9 enlarges
Mean 1
MeanVarianceNormalization 9 projection
MelWeightMatrix 17
Min 1
Mish 18
Mod 10
Mul 1 elementwise bilinear
Multinomial 7 random
Neg 1
NegativeLogLikelihoodLoss 12
NonMaxSuppression 10
NonZero 9
Not 1
OneHot 9
Optional 15
OptionalGetElement 15
OptionalHasElement 15
Or 1
PRelu 1
Pad 1 layout
Pow 1
QLinearConv 10 convolution quantized
QLinearMatMul 10 product quantized
QuantizeLinear 10 layout quantized
RMSNormalization 23 projection
RNN 1 block
RandomNormal 1 random
RandomNormalLike 1 random
RandomUniform 1 random
RandomUniformLike 1 random
Range 11
Reciprocal 1
ReduceL1 1
ReduceL2 1
ReduceLogSum 1
ReduceLogSumExp 1
ReduceMax 1 projection
ReduceMean 1 projection
ReduceMin 1
ReduceProd 1
ReduceSum 1 projection
ReduceSumSquare 1
RegexFullMatch 20
Relu 1
Reshape 1 layout half reshapes
Resize 10 enlarges
ReverseSequence 10
RoiAlign 10
RotaryEmbedding 23
Round 11
STFT 17
Scan 8
Scatter 9
ScatterElements 11
ScatterND 11
Selu 1
SequenceAt 11 layout
SequenceConstruct 11
SequenceEmpty 11
SequenceErase 11
SequenceInsert 11
SequenceLength 11
SequenceMap 17
Shape 1 sizes
Shrink 9
Sigmoid 1
Sign 9
SimplifiedLayerNormalization 1 projection half
Sin 7
Sinh 9
Size 1 sizes
Slice 1 layout half
Softmax 1
SoftmaxCrossEntropyLoss 12
Softplus 1
Softsign 1
SpaceToDepth 1 layout
Split 1 layout half
SplitToSequence 11 layout
Sqrt 1
Squeeze 1 layout half reshapes
StringConcat 20
StringNormalizer 10
StringSplit 20
Sub 1 addition elementwise
Sum 1 addition sum
SwiGLU 28
Swish 24
Tan 7
Tanh 1
TensorScatter 24
TfIdfVectorizer 9
ThresholdedRelu 10
Tile 1 layout
TopK 1
Transpose 1 layout half
Trilu 14
Unique 11
Unsqueeze 1 layout half reshapes
Upsample 1 enlarges
Where 9 elementwise
Xor 1
`;
