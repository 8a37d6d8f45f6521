"""Which names a model file may mention, and how far each is trusted.

The first list is what `torch.load(weights_only=True)` of PyTorch 2.13 takes by default. The second
holds the classes of torch's layers and of the usual detectors: making such an object runs no code
that a file could choose. Everything else is unknown at best.
"""

from __future__ import annotations

import re
from functools import lru_cache

from git_models.inspect.report import Severity

_ELEMENTS = "BFloat16 Bool Byte Char ComplexDouble ComplexFloat Double Float Half Int Long Short"
_QUANTISED = "QInt32 QInt8 QUInt2x4 QUInt4x2 QUInt8"
_REBUILD = (
    "device_tensor_from_cpu_tensor device_tensor_from_numpy meta_tensor_no_storage nested_tensor parameter"
    " parameter_with_state qtensor sparse_tensor tensor tensor_v2 tensor_v3 wrapper_subclass"
)
_DTYPES = (
    "bfloat16 bits16 bits1x8 bits2x4 bits4x2 bits8 bool complex128 complex32 complex64 float16 float32"
    " float4_e2m1fn_x2 float64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int1 int16"
    " int2 int3 int32 int4 int5 int6 int64 int7 int8 qint32 qint8 quint2x4 quint4x2 quint8 uint1 uint16 uint2 uint3"
    " uint32 uint4 uint5 uint6 uint64 uint7 uint8 per_channel_affine per_channel_affine_float_qparams"
    " per_channel_symmetric per_tensor_affine per_tensor_symmetric"
)
VALUES = frozenset(f"torch.{name}" for name in _DTYPES.split())
"""Names that stand for a value and are never called: data types and quantisation schemes."""

STORAGES = frozenset(
    [f"torch.{kind}Storage" for kind in f"{_ELEMENTS} {_QUANTISED}".split()]
    + [f"torch.cuda.{kind}Storage" for kind in _ELEMENTS.split()]
    + ["torch.storage.TypedStorage", "torch.storage.UntypedStorage"]
)
TENSORS = frozenset(
    ["torch.Tensor", "torch.nn.parameter.Parameter"]
    + [f"torch.{place}{kind}Tensor" for place in ("", "cuda.") for kind in _ELEMENTS.split() if "Complex" not in kind]
    + [
        f"torch.{place}{kind}Tensor"
        for place in ("sparse.", "cuda.sparse.")
        for kind in _ELEMENTS.split()
        if "Complex" not in kind and kind != "Bool"
    ]
)
REBUILD = frozenset(f"torch._utils._rebuild_{name}" for name in _REBUILD.split())
FROM_TYPE = "torch._tensor._rebuild_from_type_v2"
CONTAINERS = frozenset({"collections.OrderedDict", "collections.Counter"})
PLAIN = frozenset({"torch.Size", "torch.device", "torch.serialization._get_layout", "builtins.complex"})
WEIGHTS_ONLY = (
    VALUES
    | STORAGES
    | TENSORS
    | REBUILD
    | CONTAINERS
    | PLAIN
    | {FROM_TYPE, "_codecs.encode", "builtins.bytearray", "builtins.set"}
)

_LAYERS = (
    "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool1d"
    " AdaptiveMaxPool2d AdaptiveMaxPool3d AlphaDropout AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss"
    " BatchNorm1d BatchNorm2d BatchNorm3d Bilinear CELU CTCLoss ChannelShuffle CircularPad1d CircularPad2d"
    " CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d Container Conv1d Conv2d Conv3d ConvTranspose1d"
    " ConvTranspose2d ConvTranspose3d CosineEmbeddingLoss CosineSimilarity CrossEntropyLoss CrossMapLRN2d Dropout"
    " Dropout1d Dropout2d Dropout3d ELU Embedding EmbeddingBag FeatureAlphaDropout Flatten Fold FractionalMaxPool2d"
    " FractionalMaxPool3d GELU GLU GRU GRUCell GaussianNLLLoss GroupNorm Hardshrink Hardsigmoid Hardswish Hardtanh"
    " HingeEmbeddingLoss HuberLoss Identity InstanceNorm1d InstanceNorm2d InstanceNorm3d KLDivLoss L1Loss LPPool1d"
    " LPPool2d LPPool3d LSTM LSTMCell LayerNorm LeakyReLU Linear LinearCrossEntropyLoss LocalResponseNorm LogSigmoid"
    " LogSoftmax MSELoss MarginRankingLoss MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish"
    " Module ModuleDict ModuleList MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention"
    " NLLLoss NLLLoss2d NonDynamicallyQuantizableLinear PReLU PairwiseDistance ParameterDict ParameterList"
    " PixelShuffle PixelUnshuffle PoissonNLLLoss RMSNorm RNN RNNBase RNNCell RNNCellBase RReLU ReLU ReLU6"
    " ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU"
    " Sequential SiLU Sigmoid SmoothL1Loss SoftMarginLoss Softmax Softmax2d Softmin Softplus Softshrink Softsign"
    " SyncBatchNorm Tanh Tanhshrink Threshold Transformer TransformerDecoder TransformerDecoderLayer"
    " TransformerEncoder TransformerEncoderLayer TripletMarginLoss TripletMarginWithDistanceLoss Unflatten Unfold"
    " Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d ZeroPad2d ZeroPad3d"
)
_BLOCKS = (
    "A2C2f AAttn ABlock AConv ADown AGLU AIFI Attention BNContrastiveHead Bottleneck BottleneckCSP C1 C2 C2PSA C2f"
    " C2fAttn C2fCIB C2fPSA C3 C3Ghost C3TR C3f C3k C3k2 C3x CBAM CBFuse CBLinear CIB ChannelAttention Classify Concat"
    " ContrastiveHead Conv Conv2 ConvTranspose DFL DWConv DWConvTranspose2d DeformableTransformerDecoder"
    " DeformableTransformerDecoderLayer Depth Detect ELAN1 Focus GhostBottleneck GhostConv HGBlock HGStem"
    " ImagePoolingAttn Index LRPCHead LayerNorm2d LightConv MLP MLPBlock MSDeformAttn MaxSigmoidAttnBlock OBB OBB26"
    " PSA PSABlock Pose Pose26 Proto Proto26 RTDETRDecoder RealNVP RepBottleneck RepC3 RepCSP RepConv RepNCSPELAN4"
    " RepVGGDW ResNetBlock ResNetLayer Residual SAVPE SCDown SPP SPPELAN SPPF Segment Segment26 SemanticSegment"
    " Silence SpatialAttention SwiGLUFFN TorchVision TransformerBlock TransformerEncoderLayer TransformerLayer"
    " WorldDetect YOLOEDetect YOLOESegment YOLOESegment26 v10Detect"
)
_MODELS = (
    "BaseModel ClassificationModel DepthModel DetectionModel Ensemble OBBModel PoseModel RTDETRDetectionModel"
    " SegmentationModel SemanticSegmentationModel WorldModel YOLOEModel YOLOESegModel YOLOv10DetectionModel"
)
_LOSSES = (
    "BCEDiceLoss BboxLoss DFLoss DepthLoss26 E2EDetectLoss E2ELoss FocalLoss KeypointLoss MultiChannelDiceLoss"
    " PoseLoss26 RLELoss RotatedBboxLoss SegmentLoss26 SemanticSegmentationLoss TVPDetectLoss TVPSegmentLoss"
    " VarifocalLoss v10DetectLoss v8ClassificationLoss v8DetectionLoss v8OBBLoss v8PoseLoss v8SegmentationLoss"
)
_ASSIGNERS = "PoseTaskAlignedAssigner RotatedTaskAlignedAssigner SegTaskAlignedAssigner TaskAlignedAssigner"
_OLDER = (  # yolov5, yolov7 and their relatives, saved when their code lay in a folder called models
    "C3SPP C3HarDNet CrossConv Sum MixConv2d DetectMultiBackend AutoShape Contract Expand DWConvTranspose2d Model"
    " DetectionModel SegmentationModel ClassificationModel BaseModel Detect Segment IDetect IAuxDetect IKeypoint IBin"
    " MP ReOrg SPPCSPC SPPCSP GhostSPPCSPC RepBottleneckCSPA RepConv_OREPA ImplicitA ImplicitM Shortcut Foldcut"
    " ConvSig Stem DownC Chuncat BottleneckCSPA BottleneckCSPB BottleneckCSPC Res ResX Ghost GhostStem SP Ensemble"
)
_TRANSFORMS = "Compose Resize CenterCrop ToTensor Normalize"

MODULE_CLASSES: dict[str, frozenset[str]] = {
    r"torch\.nn\.modules\.[a-z_]+": frozenset(_LAYERS.split()),
    r"ultralytics\.nn\.modules(\.[a-z]+)?": frozenset(_BLOCKS.split()),
    r"ultralytics\.nn\.tasks": frozenset(_MODELS.split()),
    r"ultralytics\.(yolo\.)?utils\.loss": frozenset(_LOSSES.split()),
    r"ultralytics\.(yolo\.)?utils\.tal": frozenset(_ASSIGNERS.split()),
    r"models\.(yolo|common|experimental)": frozenset(f"{_BLOCKS} {_OLDER}".split()),
    r"torchvision\.transforms\.transforms": frozenset(_TRANSFORMS.split()),
}
"""Patterns of module names, and the classes in them that may be made empty and given their state."""

NAMESPACES = frozenset(f"ultralytics.{place}utils.IterableSimpleNamespace" for place in ("", "yolo."))
DTYPE = "numpy.dtype"
SCALARS = frozenset({"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"})
PATHS = frozenset(f"{module}.{kind}Path" for module in ("pathlib", "pathlib._local") for kind in ("Posix", "Windows"))
ENUMS = frozenset({"torchvision.transforms.functional.InterpolationMode"})
GETATTR = "builtins.getattr"
_DATA = NAMESPACES | SCALARS | PATHS | ENUMS | {DTYPE}

_COMPILED = tuple((re.compile(pattern), names) for pattern, names in MODULE_CLASSES.items())

# Python 2 called them otherwise; unpicklers translate them for protocols below 3.
_RENAMED = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "cPickle": "pickle",
    "commands": "subprocess",
    "__main__.__builtins__": "builtins",
}

_RUNNERS = (
    "sys os posix nt ntpath posixpath subprocess _posixsubprocess runpy code codeop pty tty socket socketserver ssl"
    " shutil importlib imp zipimport pkgutil pydoc pickle _pickle _compat_pickle pickletools dill cloudpickle joblib"
    " marshal shelve ctypes _ctypes cffi webbrowser asyncio multiprocessing concurrent threading _thread pip"
    " setuptools distutils ensurepip venv idlelib timeit trace pdb bdb cProfile profile pstats doctest unittest test"
    " operator _operator functools _functools itertools types inspect gc atexit signal sched faulthandler linecache"
    " builtins http urllib urllib2 httplib requests aiohttp httpx ftplib smtplib telnetlib poplib imaplib nntplib"
    " xmlrpc wsgiref cgi cgitb tempfile glob fileinput io _io site sysconfig platform logging lib2to3 ast symtable"
    " tkinter turtle curses readline rlcompleter cmd mailcap antigravity this tarfile zipfile bz2 lzma gzip mmap"
    " fcntl resource pwd grp crypt sqlite3 dbm string yaml jinja2 numexpr IPython jupyter matplotlib git"
    " _winapi winreg _winreg msvcrt _osx_support _aix_support _pyrepl _bootlocale _frozen_importlib"
    " _frozen_importlib_external nturl2path weakref contextlib codecs plistlib"
)
_DANGEROUS = frozenset(_RUNNERS.split())
_DANGEROUS_NAMES = re.compile(
    r"""torch\.(hub|jit|_inductor|_dynamo|distributed\.rpc|multiprocessing|testing|package|serialization|storage
      |fx|onnx|ops|_ops|classes|_classes|utils\.(cpp_extension|data|bottleneck|_config_module|collect_env|tensorboard
      |model_zoo|checkpoint))(\.|$)
    |torch\.(load|save|compile|from_file)(\.|$)
    |numpy\.(load|save|fromfile|memmap|loadtxt|genfromtxt|testing|f2py|distutils|ctypeslib)(\.|$)
    |(pandas|sklearn\.externals)\.(read_pickle|io\.pickle|eval|core\.computation)
    |uuid\._
    |(tensorflow|keras)\.""",
    re.VERBOSE,
)
_INERT = "object int float bool str bytes list dict tuple frozenset slice range type NotImplementedType Ellipsis"
_HARMLESS_BUILTINS = frozenset(_INERT.split())
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def full_name(module: str, name: str) -> str:
    """The dotted name as Python 3 knows it."""
    return f"{_RENAMED.get(module, module)}.{name}"


@lru_cache(maxsize=4096)
def is_model_class(dotted: str) -> bool:
    """Is it a layer or model class that may be made without arguments and given its state?"""
    module, _, name = dotted.rpartition(".")
    return any(name in names and pattern.fullmatch(module) for pattern, names in _COMPILED)


def plausible(module: str, name: str) -> bool:
    """Could these be a module's and an object's name at all?"""
    return bool(_MODULE.fullmatch(module) and _NAME.fullmatch(name))


def classify(module: str, name: str, torchscript: bool = False) -> Severity:
    """How far the global `name` of `module` is trusted; "note" is what a weights-only load takes.

    With `torchscript` the file is read by libtorch's own unpickler, which knows a few names more
    and takes classes from the archive's own program.
    """
    if not plausible(module, name):
        return "dangerous"  # a dotted name reaches attributes of attributes; others hide something
    dotted = full_name(module, name)
    if dotted in WEIGHTS_ONLY:
        return "note"
    if torchscript and (module.split(".")[0] == "__torch__" or module == "torch.jit._pickle"):
        return "needs classes"
    if dotted in _DATA or dotted == GETATTR or is_model_class(dotted):
        return "needs classes"
    top = dotted.partition(".")[0]
    if top == "builtins" and name in _HARMLESS_BUILTINS:
        return "unknown"
    return "dangerous" if top in _DANGEROUS or _DANGEROUS_NAMES.match(dotted) else "unknown"
