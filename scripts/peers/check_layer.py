#!/usr/bin/env python3
"""Checks OrchidLayer against golden files of the operator (tests/golden), in float32.

usage: check_layer.py [FILE...]     without files: every case of tests/golden that the layer covers
"""
import glob
import json
import os
import struct
import sys

import numpy as np
import torch

from orchid_layer import OrchidLayer

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden")
KINDS = {"fft": ["fft"], "fft-o": ["fft_ortho"]}
KINDS.update({name: ["dct_ortho", "dct_ortho_dense"] for name in ("dctxd-o", "dctx2-o")})
TYPES = {"F64": np.float64, "F32": np.float32, "I64": np.int64}
COVERED = {"order": 2, "norm": "layernorm", "n_layer": 1, "nn": "convtf", "actq": "id",
           "shift": 0.0, "padding_mode": "zeros", "residual_long_conv": "sconv", "causal": False,
           "w_mod": 1, "cond_bias": True, "modulate": True, "normalized": False}


def read(path):
    """The metadata and the tensors of a safetensors file."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        head, data = json.loads(file.read(size)), file.read()
    meta = head.pop("__metadata__")
    tensors = {}
    for name, info in head.items():
        begin, end = info["data_offsets"]
        array = np.frombuffer(data[begin:end], dtype=TYPES[info["dtype"]]).reshape(info["shape"])
        tensors[name] = torch.from_numpy(array.copy())
    return meta, tensors


def covered(config):
    """Whether OrchidLayer has every option that the case uses."""
    same = all(config[key] == value for key, value in COVERED.items())
    return (same and config["type"] in ("absfreq", "corrTime") and config["dxt"] in KINDS
            and config["L"] == config["l_max"] and config.get("lr_pos_emb", 1e-5) != 0)


def golden_name(name):
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
        return prefix + {"positions": ".pos_emb.z", "frequency": ".implicit_filter.1.freq",
                         "skip": ".bias", "last.weight": ".last"}[rest]
    stack = {"time": "nn_model", "key": "nn_model_k", "query": "nn_model_q"}.get(part)
    leaf = rest.replace("convolution.", "conv1d_ls.0.")
    leaf = leaf.replace("norm.", "norm_ls.0.norm_conv_kernel.")
    return f"conv_kernel_nn.{stack or 'SPECTRUM'}.{leaf}"


def names(layer, config):
    """Golden name of each parameter."""
    spectrum = "nn_model2" if config["type"] == "absfreq" else "nn_model_frq"
    last = f".implicit_filter.{2 * config['num_inner_mlps'] + 2}.weight"
    return {name: golden_name(name).replace("SPECTRUM", spectrum).replace(".last", last)
            for name, _ in layer.named_parameters()}


def error(got, want):
    """L2 norm of the difference over that of the wanted tensor."""
    want = want.reshape(got.shape)
    return (got.double() - want).norm().item() / want.norm().item()


def check(path, meta, tensors, transform):
    """Prints one line; true if outputs and gradients are within the bounds of the golden files."""
    c = json.loads(meta["config"])
    layer = OrchidLayer(c["d_model"], c["L"], transform,
                        "phase" if c["type"] == "absfreq" else "correlation",
                        c["short_filter_order"], c["conv_filter_size"], c["emb_dim"],
                        c["filter_order"], c["num_inner_mlps"], c["w"])
    mapped = names(layer, c)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            value = tensors["param." + mapped[name]]
            if value.numel() != parameter.numel():
                raise ValueError(f"{mapped[name]}: {tuple(value.shape)}, {tuple(parameter.shape)}")
            parameter.copy_(value.reshape(parameter.shape))
    x = tensors["x"].clone().requires_grad_()
    y = layer(x)
    y.backward(tensors["dy"])
    errors = {"y": error(y.detach(), tensors["f64.y"]), "dx": error(x.grad, tensors["f64.dx"])}
    for name, parameter in layer.named_parameters():
        errors["grad." + mapped[name]] = error(parameter.grad, tensors["f64.grad." + mapped[name]])
    ratio = {key: value / (2e-5 if key in ("y", "dx") else 1e-4) for key, value in errors.items()}
    worst = max(ratio, key=ratio.get)
    good = ratio[worst] <= 1
    print(f"{'pass' if good else 'FAIL'}  {meta['name']}  {transform}: y {errors['y']:.1e}, "
          f"worst {worst} {errors[worst]:.1e}")
    return good


def main():
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(GOLDEN, "*.safetensors")))
    passed = failed = skipped = 0
    for path in paths:
        meta, tensors = read(path)
        config = json.loads(meta["config"])
        if not covered(config):
            skipped += 1
            continue
        for transform in KINDS[config["dxt"]]:
            good = check(path, meta, tensors, transform)
            passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed, {skipped} skipped (options the layer does not have)")
    if passed + failed == 0:
        print(f"SKIPPED: NOTHING WAS CHECKED: no golden file that the layer covers in {GOLDEN}",
              file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
