"""Golden cases of the operator (tests/golden), and a layer's errors against them.

Reads safetensors without a package for it: eight bytes of header size, JSON, little-endian data.
"""
import contextlib
import glob
import json
import os
import struct

import torch

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden")
KINDS = {"fft": ["fft"], "fft-o": ["fft_ortho"]}
KINDS.update({name: ["dct_ortho", "dct_ortho_dense"] for name in ("dctxd-o", "dctx2-o")})
KERNELS = {"absfreq": "phase", "corrTime": "correlation"}
TYPES = {"F64": torch.float64, "F32": torch.float32, "I64": torch.int64}
COVERED = {"order": 2, "norm": "layernorm", "n_layer": 1, "nn": "convtf", "actq": "id",
           "shift": 0.0, "padding_mode": "zeros", "residual_long_conv": "sconv", "causal": False,
           "w_mod": 1, "cond_bias": True, "modulate": True, "normalized": False}
OUTPUT_BOUND, GRADIENT_BOUND = 2e-5, 1e-4  # float32, as tests/golden/README.md has them


def files():
    """Every golden file of the repository."""
    return sorted(glob.glob(os.path.join(GOLDEN, "*.safetensors")))


def read(path):
    """The metadata and the tensors of a safetensors file."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        head, data = json.loads(file.read(size)), bytearray(file.read())
    meta = head.pop("__metadata__")
    tensors = {}
    for name, info in head.items():
        begin, end = info["data_offsets"]
        dtype = TYPES[info["dtype"]]
        flat = torch.frombuffer(data[begin:end], dtype=dtype) if end > begin else torch.empty(0)
        tensors[name] = flat.reshape(info["shape"])
    return meta, tensors


def covered(config):
    """Whether OrchidLayer has every option that the case uses."""
    same = all(config[key] == value for key, value in COVERED.items())
    return (same and config["type"] in KERNELS and config["dxt"] in KINDS
            and config["L"] == config["l_max"] and config.get("lr_pos_emb", 1e-5) != 0)


def _golden_name(name, config):
    """The golden name of a parameter of OrchidLayer."""
    part, rest = name.split(".", 1)
    plain = {"project_in": "in_linear", "project_out": "out_linear", "short": "conv1d_short"}
    if part in plain:
        return f"{plain[part]}.{rest}"
    if part in ("filter", "residual_filter"):
        prefix = "fixed_conv" if part == "filter" else "fixed_conv_res"
        if rest.startswith("layers."):
            _, index, leaf = rest.split(".")
            return f"{prefix}.implicit_filter.{2 * int(index)}.{leaf}"
        last = f".implicit_filter.{2 * config['num_inner_mlps'] + 2}.weight"
        return prefix + {"positions": ".pos_emb.z", "frequency": ".implicit_filter.1.freq",
                         "skip": ".bias", "last.weight": last}[rest]
    spectrum = "nn_model2" if config["type"] == "absfreq" else "nn_model_frq"
    stack = {"time": "nn_model", "key": "nn_model_k", "query": "nn_model_q"}.get(part, spectrum)
    leaf = rest.replace("convolution.", "conv1d_ls.0.")
    leaf = leaf.replace("norm.", "norm_ls.0.norm_conv_kernel.")
    return f"conv_kernel_nn.{stack}.{leaf}"


def build(layer_class, config, tensors, transform, **options):
    """The case's layer with its parameters, and each parameter's golden name."""
    layer = layer_class(config["d_model"], config["L"], transform, KERNELS[config["type"]],
                        config["short_filter_order"], config["conv_filter_size"],
                        config["emb_dim"], config["filter_order"], config["num_inner_mlps"],
                        config["w"], **options)
    names = {name: _golden_name(name, config) for name, _ in layer.named_parameters()}
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            value = tensors["param." + names[name]]
            if value.numel() != parameter.numel():
                raise ValueError(f"{names[name]}: {tuple(value.shape)}, {tuple(parameter.shape)}")
            parameter.copy_(value.reshape(parameter.shape))
    return layer, names


def error(got, want):
    """L2 norm of the difference over that of the wanted tensor."""
    want = want.reshape(got.shape)
    return (got.detach().cpu().double() - want).norm().item() / want.norm().item()


def autocast(device, precision):
    """What a peer computes in: float32, or bf16 by autocast."""
    if precision == "bf16":
        return torch.autocast(device, torch.bfloat16)
    return contextlib.nullcontext()


def errors_of(layer, names, tensors, device="cpu", precision="float32"):
    """The error of the output and of every gradient, by golden name."""
    layer.to(device)
    x = tensors["x"].clone().to(device).requires_grad_()
    with autocast(device, precision):
        y = layer(x)
    y.backward(tensors["dy"].to(device, y.dtype))
    errors = {"y": error(y, tensors["f64.y"]), "dx": error(x.grad, tensors["f64.dx"])}
    for name, parameter in layer.named_parameters():
        want = tensors["f64.grad." + names[name]]
        errors["grad." + names[name]] = error(parameter.grad, want)
    return errors


def worst_of(errors):
    """The tensor that is largest over its bound in float32, and that ratio."""
    ratio = {key: value / (OUTPUT_BOUND if key in ("y", "dx") else GRADIENT_BOUND)
             for key, value in errors.items()}
    worst = max(ratio, key=lambda key: ratio[key] if ratio[key] == ratio[key] else float("inf"))
    return worst, ratio[worst]
