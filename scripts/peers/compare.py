#!/usr/bin/env python3
"""Times the peers of one `orchid bench` case: every way of computing it in PyTorch, and attention.

usage: compare.py layer --shape 512,128,768 --kernel phase --transform dct_ortho
       compare.py step --batch 128 --model orchid,attention
       compare.py layer --device cpu --precision float32 --shape 2,32,64

One JSON document. Each variant of the Orchid layer is first held against the golden cases of its
kernel and transform in the precision that is timed, and each compiled one against itself uncompiled on
the timed input. A variant that fails is named with its reason, and the others go on.
"""
import argparse
import json
import sys
import time

import torch

import bert
import golden
from orchid_layer import OrchidLayer
from orchid_real import RealOrchidLayer
from timing import Clock

LAYERS = {"complex": (OrchidLayer, {}, False), "real": (RealOrchidLayer, {"fused": False}, False),
          "compiled": (RealOrchidLayer, {"fused": True}, True),
          "complex_compiled": (OrchidLayer, {}, True)}
DENSE = ("dct_ortho_dense", "dct_ortho_bf16")  # other ways to a cosine transform
DENSE_LENGTH = 1024  # up to which they are worth a try


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("layer", "step"))
    parser.add_argument("--shape", default="8,128,768", help="layer: batch,length,width")
    parser.add_argument("--batch", type=int, default=8, help="step: samples")
    parser.add_argument("--length", type=int, default=128, help="step: tokens of a sample")
    parser.add_argument("--width", type=int, default=768, help="step")
    parser.add_argument("--layers", type=int, default=12, help="step")
    parser.add_argument("--vocabulary", type=int, default=30528, help="step")
    parser.add_argument("--model", default="orchid,attention", help="step: which")
    parser.add_argument("--kernel", default="phase", choices=("phase", "correlation"))
    parser.add_argument("--transform", default="dct_ortho",
                        choices=("fft", "fft_ortho", "dct_ortho"))
    parser.add_argument("--filter-width", type=int, default=128)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--precision", default="bf16", choices=("float32", "bf16"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--variants", default="complex,real,compiled,attention",
                        help="of: " + ", ".join(LAYERS) + ", attention")
    parser.add_argument("--seconds", type=float, default=1.0, help="least time of a measurement")
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()
    args.shape = tuple(int(n) for n in args.shape.split(","))
    args.variants = args.variants.split(",")
    if args.precision == "bf16" and args.device == "cpu":
        parser.error("bf16 is for --device cuda")
    return args


def compiled(module):
    if not hasattr(torch, "compile"):
        raise RuntimeError(f"torch {torch.__version__} has no torch.compile")
    return torch.compile(module, dynamic=False)


def relative(got, want):
    return ((got - want).double().norm() / want.double().norm()).item()


def golden_errors(layer_class, options, transform, args):
    """The worst errors over the golden cases of this kernel and transform; None without any."""
    worst = {"cases": 0, "y": 0.0, "dx": 0.0, "gradients": 0.0}
    for path in golden.files():
        meta, tensors = golden.read(path)
        config = json.loads(meta["config"])
        kind = "dct_ortho_dense" if transform == "dct_ortho_bf16" else transform
        if (not golden.covered(config) or kind not in golden.KINDS[config["dxt"]]
                or golden.KERNELS[config["type"]] != args.kernel or config["L"] < 8):
            continue
        layer, names = golden.build(layer_class, config, tensors, transform, **options)
        errors = golden.errors_of(layer, names, tensors, args.device, args.precision)
        worst["cases"] += 1
        for name, value in errors.items():
            key = name if name in ("y", "dx") else "gradients"
            worst[key] = max(worst[key], value) if value == value else float("nan")
    return worst if worst["cases"] else None


def time_layer(layer, call, args, clock):
    """Forward alone without recording, then forward and backward with every gradient."""
    x = torch.randn(args.shape, device=args.device)
    dtype = torch.bfloat16 if args.precision == "bf16" else torch.float32
    x = x.to(dtype).requires_grad_()  # what a layer gets from the one before it
    dy = torch.randn(args.shape, device=args.device).to(dtype)
    gradients = [x] + list(layer.parameters())

    def forward():
        with torch.no_grad(), golden.autocast(args.device, args.precision):
            return call(x)

    def total():
        for parameter in gradients:
            parameter.grad = None
        with golden.autocast(args.device, args.precision):
            y = call(x)
        y.backward(dy.to(y.dtype))

    begin = time.perf_counter()
    total()
    result = {"first_s": round(time.perf_counter() - begin, 3)}
    if call is not layer:
        with torch.no_grad(), golden.autocast(args.device, args.precision):
            result["error_uncompiled"] = relative(call(x), layer(x))
    clock.reset_peak()
    result.update(forward=clock.measure(forward), total=clock.measure(total))
    result["peak_bytes"] = clock.peak_bytes()
    return result


def layer_variants(args):
    """(name, transform, how to make it, whether to compile) of every variant asked for."""
    _, length, width = args.shape
    for name in args.variants:
        if name == "attention":
            for compile_it in (False, True):
                yield ("attention_compiled" if compile_it else name), None, bert.Attention, {}, \
                    compile_it
            continue
        layer_class, options, compile_it = LAYERS[name]
        kinds = [args.transform]
        if args.transform == "dct_ortho" and length <= DENSE_LENGTH and layer_class is not OrchidLayer:
            kinds += DENSE if args.precision == "bf16" else DENSE[:1]
        for kind in kinds:
            label = name if kind == args.transform else f"{name}_{kind.rsplit('_', 1)[1]}"
            yield label, kind, layer_class, options, compile_it


def bench_layer(args, clock, add):
    _, length, width = args.shape
    for name, kind, layer_class, options, compile_it in layer_variants(args):
        def work():
            if compile_it and args.no_compile:
                raise RuntimeError("left out: --no-compile")
            if kind is None:
                if width % 64:
                    raise RuntimeError("heads of 64 need a width that is a multiple of 64")
                layer, found = layer_class(width), {}
            else:
                found = {"golden": golden_errors(layer_class, options, kind, args)}
                layer = layer_class(width, length, kind, args.kernel,
                                    filter_width=args.filter_width, **options)
            layer.to(args.device)
            call = compiled(layer) if compile_it else layer
            return dict(found, **time_layer(layer, call, args, clock))

        add({"variant": name, "shape": list(args.shape)}, work)


def time_step(model, call, args, clock):
    """Gradients to zero, forward, backward, clip, AdamW: every fifth position is masked."""
    count = max(1, args.batch * args.length // 5)
    def draw(*shape):
        return torch.randint(0, args.vocabulary, shape, device=args.device)
    tokens, targets = draw(args.batch, args.length), draw(count)
    positions = torch.arange(count, device=args.device) * (args.batch * args.length) // count
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.98), eps=1e-6,
                                  weight_decay=1e-5, fused=True) if args.device == "cuda" else \
        torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.98), eps=1e-6)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with golden.autocast(args.device, args.precision):
            loss = call(tokens, positions, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    def forward():
        with torch.no_grad(), golden.autocast(args.device, args.precision):
            call(tokens, positions, targets)

    begin = time.perf_counter()
    loss = step().item()
    result = {"first_s": round(time.perf_counter() - begin, 3), "first_loss": round(loss, 4)}
    clock.reset_peak()
    result["step"] = clock.measure(step)
    result["peak_bytes"] = clock.peak_bytes()
    result["forward"] = clock.measure(forward)
    result["tokens_per_s"] = round(1e3 * args.batch * args.length / result["step"]["median_ms"], 1)
    return result


def bench_step(args, clock, add):
    for name in args.model.split(","):
        for compile_it in (False, True):
            def work():
                if compile_it and args.no_compile:
                    raise RuntimeError("left out: --no-compile")

                def layer():
                    return RealOrchidLayer(args.width, args.length, args.transform, args.kernel,
                                           filter_width=args.filter_width, fused=compile_it)

                model = bert.make(name, layer, args.width, args.length, args.layers,
                                  args.vocabulary).to(args.device)
                call = compiled(model) if compile_it else model
                found = {"parameters": sum(p.numel() for p in model.parameters())}
                return dict(found, **time_step(model, call, args, clock))

            add({"variant": name + ("_compiled" if compile_it else ""),
                 "shape": [args.batch, args.length]}, work)


def main():
    args = parse()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("error: this PyTorch sees no CUDA device", file=sys.stderr)
        return 2
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    clock = Clock(args.device, args.seconds)
    result = {"torch": torch.__version__, "device": args.device, "precision": args.precision,
              "kernel": args.kernel, "transform": args.transform, "threads": torch.get_num_threads(),
              "tf32": torch.backends.cuda.matmul.allow_tf32, "cases": [], "skipped": []}
    if args.device == "cuda":
        result["device_name"] = torch.cuda.get_device_name()
        result["cudnn"] = torch.backends.cudnn.version()

    def add(case, work):
        try:
            result["cases"].append(dict(case, **work()))
        except Exception as problem:  # out of memory, or what a compiler cannot do
            text = f"{type(problem).__name__}: {problem}".strip().split("\n")[0][:300]
            result["skipped"].append(dict(case, reason=text))
        print(f"# {case['variant']} done", file=sys.stderr, flush=True)
        if args.device == "cuda":
            torch.cuda.empty_cache()

    (bench_layer if args.what == "layer" else bench_step)(args, clock, add)
    result.update(clock.rates(args.precision))
    print(json.dumps(result))
    return 0 if result["cases"] else 1


if __name__ == "__main__":
    sys.exit(main())
