/** The operators of ai.onnx, one per row: name, the opset that introduced it, facts. */
export const STANDARD = `
Abs 1 shortens keeps step
Acos 7
Acosh 9
Add 1 addition sum elementwise counts broadcasts arithmetic normstep step minor
AffineGrid 20
And 1 broadcasts
ArgMax 1 steps chooses
ArgMin 1 steps
Asin 7
Asinh 9
Atan 7
Atanh 9
Attention 23 attention
AveragePool 1 projection sensitive
BatchNormalization 1 projection sensitive norm settings=3,4 weights=1,2
Bernoulli 15 random
BitCast 26
BitShift 11
BitwiseAnd 18
BitwiseNot 18
BitwiseOr 18
BitwiseXor 18
BlackmanWindow 17
Cast 1 layout half reshapes counts shortens sized carries normstep step keeps
CastLike 15 layout keeps
CausalConvWithState 27 convolution
Ceil 1 shortens steps
Celu 12 sensitive activation
CenterCropPad 18
Clip 1 keeps carries normstep step saturates settings=1,2
Col2Im 18
Compress 9 varying
Concat 1 layout half counts sized grows carries
ConcatFromSequence 11
Constant 1
ConstantOfShape 9 sized grows
Conv 1 convolution weights=1,2
ConvInteger 10 convolution quantized
ConvTranspose 1 convolution enlarges weights=1,2
Cos 7 sensitive
Cosh 9
CumProd 26
CumSum 11 sensitive shortens
DFT 17
DeformConv 19 convolution weights=1,3
DepthToSpace 1 layout enlarges
DequantizeLinear 10 layout settings=1
Det 11
Div 1 elementwise counts broadcasts arithmetic normstep step minor
Dropout 1 layout shares keeps settings=1
DynamicQuantizeLinear 11 layout
Einsum 12 product
Elu 1 sensitive keeps activation
Equal 1 broadcasts steps
Erf 9 sensitive keeps step saturates
Exp 1 sensitive keeps step
Expand 8 layout half shaped sized grows carries
EyeLike 9
Flatten 1 layout half reshapes shares shortens carries
Floor 1 shortens steps
GRU 1 block weights=1,2,3
Gather 1 layout half counts sorts
GatherElements 11
GatherND 11
Gelu 20 sensitive keeps activation
Gemm 1 product matmul weights=1,2
GlobalAveragePool 1 projection sensitive
GlobalLpPool 1 sensitive
GlobalMaxPool 1 projection
Greater 1 broadcasts steps
GreaterOrEqual 12 broadcasts steps
GridSample 16 enlarges
GroupNormalization 18 projection norm weights=1,2
HammingWindow 17
HannWindow 17
HardSigmoid 1 keeps activation step saturates
HardSwish 14 keeps activation
Hardmax 1 steps
Identity 1 layout half reshapes shares shortens sized keeps carries
If 1
ImageDecoder 20
InstanceNormalization 1 projection sensitive norm weights=1,2
IsInf 10
IsNaN 9 minor
LRN 1
LSTM 1 block weights=1,2,3,7
LayerNormalization 17 projection half norm step weights=1,2
LeakyRelu 1 keeps activation
Less 1 broadcasts steps
LessOrEqual 12 broadcasts steps
LinearAttention 27 attention
Log 1 sensitive keeps
LogSoftmax 1 sensitive keeps
Loop 1 loop
LpNormalization 1 projection sensitive
LpPool 1 projection sensitive
MatMul 1 product bilinear matmul weights=1
MatMulInteger 10 product quantized
Max 1 broadcasts normstep step minor
MaxPool 1 projection
MaxRoiPool 1
MaxUnpool 9 enlarges
Mean 1 sensitive
MeanVarianceNormalization 9 projection sensitive
MelWeightMatrix 17
Min 1 broadcasts step minor
Mish 18 sensitive keeps activation
Mod 10 broadcasts
Mul 1 elementwise bilinear counts broadcasts arithmetic normstep step minor
Multinomial 7 random
Neg 1 shortens keeps step minor
NegativeLogLikelihoodLoss 12
NonMaxSuppression 10 steps varying
NonZero 9 steps varying
Not 1 shortens
OneHot 9 settings=2
Optional 15
OptionalGetElement 15
OptionalHasElement 15
Or 1 broadcasts
PRelu 1 keeps activation broadcasts weights=1
Pad 1 layout shaped sized grows settings=2
Pow 1 sensitive broadcasts normstep step minor
QLinearConv 10 convolution quantized settings=1,4,6
QLinearMatMul 10 product quantized settings=1,4,6
QuantizeLinear 10 layout quantized settings=1
RMSNormalization 23 projection norm step weights=1
RNN 1 block weights=1,2,3
RandomNormal 1 random
RandomNormalLike 1 random
RandomUniform 1 random
RandomUniformLike 1 random
Range 11 sized grows settings=0,1,2
Reciprocal 1 keeps normstep step minor
ReduceL1 1 sensitive
ReduceL2 1 sensitive normstep
ReduceLogSum 1 sensitive
ReduceLogSumExp 1 sensitive
ReduceMax 1 projection shortens
ReduceMean 1 projection sensitive normstep step minor
ReduceMin 1 shortens
ReduceProd 1 sensitive shortens
ReduceSum 1 projection sensitive shortens step minor
ReduceSumSquare 1 sensitive
RegexFullMatch 20
Relu 1 keeps activation saturates
Reshape 1 layout half reshapes shares shaped shortens sized carries
Resize 10 enlarges shaped settings=1,2
ReverseSequence 10
RoiAlign 10
RotaryEmbedding 23
Round 11 steps
STFT 17 settings=2
Scan 8 loop
Scatter 9
ScatterElements 11
ScatterND 11
Selu 1 sensitive keeps activation
SequenceAt 11 layout
SequenceConstruct 11
SequenceEmpty 11
SequenceErase 11
SequenceInsert 11
SequenceLength 11
SequenceMap 17
Shape 1 sizes counts
Shrink 9
Sigmoid 1 sensitive keeps activation step saturates
Sign 9 steps
SimplifiedLayerNormalization 1 projection half norm step weights=1
Sin 7 sensitive
Sinh 9
Size 1 sizes counts
Slice 1 layout half counts shaped shortens carries
Softmax 1 sensitive keeps saturates
SoftmaxCrossEntropyLoss 12
Softplus 1 sensitive keeps activation step
Softsign 1 sensitive keeps activation saturates
SpaceToDepth 1 layout
Split 1 layout half sorts
SplitToSequence 11 layout
Sqrt 1 keeps normstep step minor
Squeeze 1 layout half reshapes shares counts shortens carries
StringConcat 20
StringNormalizer 10
StringSplit 20
Sub 1 addition elementwise counts broadcasts arithmetic normstep step minor
Sum 1 addition sum sensitive arithmetic broadcasts
SwiGLU 28
Swish 24 activation
Tan 7 sensitive
Tanh 1 sensitive keeps activation step saturates
TensorScatter 24
TfIdfVectorizer 9
ThresholdedRelu 10 activation
Tile 1 layout shaped sized grows
TopK 1 sorts steps chooses
Transpose 1 layout half shortens carries
Trilu 14
Unique 11 varying
Unsqueeze 1 layout half reshapes shares counts shortens carries
Upsample 1 enlarges settings=1
Where 9 elementwise broadcasts carries minor
Xor 1
`;
