/** Operators of ai.onnx with facts: name, the opset that introduced it, facts. */
export const STANDARD = `
Abs 1 shortens keeps step
Add 1 addition sum elementwise counts broadcasts arithmetic normstep step minor
Affine 1 projection elementwise keeps
AffineGrid 20 axes=1
And 1 broadcasts
ArgMax 1 steps chooses
ArgMin 1 steps
Attention 23 attention
AveragePool 1 projection sensitive shrinks
BatchNormalization 1 projection sensitive norm settings=3,4 weights=1,2
Bernoulli 15 random
Cast 1 layout half reshapes counts shortens sized carries normstep step keeps
CastLike 15 layout keeps
CausalConvWithState 27 convolution
Ceil 1 shortens steps
Celu 12 sensitive activation
CenterCropPad 18 layout axes=1
Clip 1 keeps carries normstep step saturates settings=1,2
Compress 9 varying
Concat 1 layout half counts sized grows carries
ConstantOfShape 9 sized grows axes=0
Conv 1 convolution weights=1,2
ConvInteger 10 convolution quantized
ConvTranspose 1 convolution enlarges weights=1,2
Cos 7 sensitive
Crop 1 layout
CumSum 11 sensitive shortens
DeformConv 19 convolution weights=1,3
DepthToSpace 1 layout enlarges
DequantizeLinear 10 layout quantizer settings=1
Div 1 elementwise counts broadcasts arithmetic normstep step minor
Dropout 1 layout shares keeps settings=1
DynamicQuantizeLinear 11 layout
DynamicSlice 1 layout
Einsum 12 product factors=0,1,2,3
Elu 1 sensitive keeps activation
Equal 1 broadcasts steps
Erf 9 sensitive keeps step saturates
Exp 1 sensitive keeps step
Expand 8 layout half shaped sized grows carries axes=1
Flatten 1 layout half reshapes shares shortens carries
Floor 1 shortens steps
GRU 1 block weights=1,2,3
Gather 1 layout half counts sorts lookup
GatherElements 11 lookup
GatherND 11 lookup
Gelu 20 sensitive keeps activation
Gemm 1 product matmul weights=1,2 added=2
GlobalAveragePool 1 projection sensitive shrinks global
GlobalLpPool 1 sensitive shrinks global
GlobalMaxPool 1 projection shrinks global
Greater 1 broadcasts steps larger
GreaterOrEqual 12 broadcasts steps larger
GridSample 16 enlarges
GroupNormalization 18 projection norm weights=1,2
HardSigmoid 1 keeps activation step saturates
HardSwish 14 keeps activation
Hardmax 1 steps
Identity 1 layout half reshapes shares shortens sized keeps carries
ImageScaler 1 projection keeps
InstanceNormalization 1 projection sensitive norm weights=1,2
IsNaN 9 minor
LSTM 1 block weights=1,2,3,7
LayerNormalization 17 projection half norm step weights=1,2
LeakyRelu 1 keeps activation
Less 1 broadcasts steps smaller
LessOrEqual 12 broadcasts steps smaller
LinearAttention 27 attention
Log 1 sensitive keeps
LogSoftmax 1 sensitive keeps
Loop 1 loop
LpNormalization 1 projection sensitive
LpPool 1 projection sensitive shrinks
MatMul 1 product bilinear matmul weights=1
MatMulInteger 10 product quantized
Max 1 broadcasts normstep step minor
MaxPool 1 projection shrinks peaks
MaxRoiPool 1 shrinks
MaxUnpool 9 enlarges
Mean 1 sensitive
MeanVarianceNormalization 9 projection sensitive
Min 1 broadcasts step minor
Mish 18 sensitive keeps activation
Mod 10 broadcasts
Mul 1 elementwise bilinear counts broadcasts arithmetic normstep step minor
Multinomial 7 random
Neg 1 shortens keeps step minor
NonMaxSuppression 10 steps varying
NonZero 9 steps varying
Not 1 shortens
OneHot 9 settings=2
Or 1 broadcasts
PRelu 1 keeps activation broadcasts weights=1
Pad 1 layout shaped sized grows settings=2
ParametricSoftplus 1 keeps activation
Pow 1 sensitive broadcasts normstep step minor
QLinearConv 10 convolution quantized settings=1,4,6 factors=0,3 zero=7 floats=Conv
QLinearMatMul 10 product quantized settings=1,4,6 factors=0,3 zero=7 floats=MatMul
QuantizeLinear 10 layout quantizer quantized settings=1 zero=2
RMSNormalization 23 projection norm step weights=1
RNN 1 block weights=1,2,3
RandomNormal 1 random normal
RandomNormalLike 1 random normal
RandomUniform 1 random uniform
RandomUniformLike 1 random uniform
Range 11 sized grows settings=0,1,2
Reciprocal 1 keeps normstep step minor
ReduceL1 1 sensitive reduces
ReduceL2 1 sensitive normstep reduces
ReduceLogSum 1 sensitive reduces
ReduceLogSumExp 1 sensitive reduces
ReduceMax 1 projection shortens reduces
ReduceMean 1 projection sensitive normstep step minor reduces
ReduceMin 1 shortens reduces
ReduceProd 1 sensitive shortens reduces
ReduceSum 1 projection sensitive shortens step minor reduces
ReduceSumSquare 1 sensitive reduces
Relu 1 keeps activation saturates
Reshape 1 layout half reshapes shares shaped shortens sized carries axes=1
Resize 10 enlarges shaped shrinks settings=1,2
Round 11 steps
STFT 17 settings=2
Scale 1 projection elementwise keeps
ScaledTanh 1 keeps activation
Scan 8 loop
ScatterElements 11 scatters closed=0,2
ScatterND 11 scatters closed=0,2
Selu 1 sensitive keeps activation
SequenceAt 11 layout
Shape 1 sizes counts
Sigmoid 1 sensitive keeps activation step saturates
Sign 9 steps
SimplifiedLayerNormalization 1 projection half norm step weights=1
Sin 7 sensitive
Size 1 sizes counts
Slice 1 layout half counts shaped shortens carries
Softmax 1 sensitive keeps saturates
Softplus 1 sensitive keeps activation step
Softsign 1 sensitive keeps activation saturates
SpaceToDepth 1 layout shrinks
Split 1 layout half sorts
SplitToSequence 11 layout
Sqrt 1 keeps normstep step minor
Squeeze 1 layout half reshapes shares counts shortens carries
Sub 1 addition elementwise counts broadcasts arithmetic normstep step minor
Sum 1 addition sum sensitive arithmetic broadcasts
Swish 24 activation
Tan 7 sensitive
Tanh 1 sensitive keeps activation step saturates
ThresholdedRelu 10 activation
Tile 1 layout shaped sized grows axes=1
TopK 1 sorts steps chooses
Transpose 1 layout half shortens carries
Unique 11 varying
Unsqueeze 1 layout half reshapes shares counts shortens carries
Upsample 1 enlarges settings=1
Where 9 elementwise broadcasts carries minor
`;

/** Operators of ai.onnx without facts, after the opset that introduced them. */
export const PLAIN = `
1 Constant If LRN Xor
7 Acos Asin Atan
9 Acosh Asinh Atanh Cosh EyeLike Scatter Shrink Sinh TfIdfVectorizer
10 IsInf ReverseSequence RoiAlign StringNormalizer
11 BitShift ConcatFromSequence Det SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength
12 NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss
14 Trilu
15 Optional OptionalGetElement OptionalHasElement
17 BlackmanWindow DFT HammingWindow HannWindow MelWeightMatrix SequenceMap
18 BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Col2Im
20 ImageDecoder RegexFullMatch StringConcat StringSplit
23 RotaryEmbedding
24 TensorScatter
26 BitCast CumProd
28 SwiGLU
`;
