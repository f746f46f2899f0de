#!/usr/bin/env python3
"""Checks the peers' Orchid layers against golden files of the operator (tests/golden).

usage: check_layer.py [--device cpu|cuda] [--precision float32|bf16] [FILE...]

Without files: every case of tests/golden that the layers cover. Float32 is held to the bounds of the
golden files; bf16, which has none, is printed.
"""
import argparse
import json
import sys

import golden
from orchid_layer import OrchidLayer
from orchid_real import RealOrchidLayer

LAYERS = {"complex": (OrchidLayer, {}), "real": (RealOrchidLayer, {"fused": False}),
          "real_fused": (RealOrchidLayer, {"fused": True})}


def check(path, args):
    """Prints a line for each layer and transform; the numbers passed and failed."""
    meta, tensors = golden.read(path)
    config = json.loads(meta["config"])
    passed = failed = 0
    for transform in golden.KINDS[config["dxt"]]:
        for name, (layer_class, options) in LAYERS.items():
            layer, names = golden.build(layer_class, config, tensors, transform, **options)
            errors = golden.errors_of(layer, names, tensors, args.device, args.precision)
            worst, ratio = golden.worst_of(errors)
            good = ratio <= 1 or args.precision != "float32" and ratio == ratio
            passed, failed = passed + good, failed + (not good)
            print(f"{'pass' if good else 'FAIL'}  {meta['name']}  {name}, {transform}: "
                  f"y {errors['y']:.1e}, worst {worst} {errors[worst]:.1e}")
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--precision", default="float32", choices=("float32", "bf16"))
    args = parser.parse_args()
    if args.precision == "bf16" and args.device == "cpu":
        parser.error("bf16 is for --device cuda")
    passed = failed = skipped = 0
    for path in args.files or golden.files():
        if not golden.covered(json.loads(golden.read(path)[0]["config"])):
            skipped += 1
            continue
        good, bad = check(path, args)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed; {skipped} files skipped (options the layers lack)")
    if passed + failed == 0:
        print(f"SKIPPED: NOTHING WAS CHECKED: no golden file that the layers cover in "
              f"{golden.GOLDEN}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
