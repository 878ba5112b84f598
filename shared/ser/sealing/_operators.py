"""The operators of ONNX that a model may have, as ``(domain, name)``."""

from __future__ import annotations

STANDARD, MACHINE_LEARNING = "", "ai.onnx.ml"


def of(domain: str, names: str) -> frozenset[tuple[str, str]]:
    return frozenset((domain, name) for name in names.split())


COMPOSED = of(
    STANDARD,
    "Abs Add And ArgMax Cast Clip Compress Concat Conv CumSum Div DynamicQuantizeLinear Erf Exp "
    "Expand Flatten Gather GatherElements Gemm Greater Identity LayerNormalization Less Log "
    "MatMul MatMulInteger Max MaxPool Min Mod Mul Neg NonZero Not Or Pad Range Reciprocal "
    "ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare Relu Reshape Round Scan Shape "
    "Sigmoid Size Slice Softmax Sqrt Squeeze Sub Tanh TopK Transpose Unsqueeze Where",
) | of(MACHINE_LEARNING, "TreeEnsembleClassifier")
"""Operators of all front-ends and classifiers of this version and of version 0.1.0. The only one
with a subgraph is ``Scan``, which ends after the length of its input."""

ENCODERS = of(
    STANDARD,
    "ArgMin AveragePool BatchNormalization CastLike Ceil Celu Constant ConstantOfShape "
    "ConvInteger ConvTranspose Cos DequantizeLinear Dropout Einsum Elu Equal Floor GRU "
    "GatherND GlobalAveragePool GlobalMaxPool GreaterOrEqual HardSigmoid HardSwish Hardmax "
    "InstanceNormalization IsInf IsNaN LSTM LeakyRelu LessOrEqual LogSoftmax LpNormalization "
    "LpPool Mean OneHot PRelu Pow QLinearConv QLinearMatMul QuantizeLinear RNN ReduceL1 "
    "ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd Resize ScatterElements ScatterND Selu "
    "Sign Sin Softplus Softsign Split Sum Tan ThresholdedRelu Tile Trilu Xor",
)
"""Further operators on tensors that encoders of users consist of, none of them with a subgraph."""

OPERATORS = COMPOSED | ENCODERS
