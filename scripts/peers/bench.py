#!/usr/bin/env python3
"""Times a layer in PyTorch: the Orchid operator of orchid_layer.py, or an attention peer.

usage: bench.py --shape 8,128,256 --mode orchid --transform dct_ortho --kernel phase --threads 2
       bench.py --shape 8,128,256 --mode mha|encoder --json

Measures the forward pass without gradient recording, and forward plus backward with gradients of
the input and of every parameter, in float32. The rate of a matrix product of this PyTorch is
measured in the same run: a peer with a slow BLAS proves nothing.
"""
import argparse
import ctypes
import json
import os
import platform
import resource
import subprocess
import sys
import time

PRODUCT = (1024, 256, 768)  # rows, inner, columns of the product that measures the BLAS
CORE_TYPES = ("SKYLAKEX", "ZEN", "HASWELL")
SLOW_GFLOP_S = 20.0  # per thread count of any kind: a BLAS without vector kernels stays below


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--shape", default="8,128,256", help="batch,length,width")
    parser.add_argument("--mode", default="orchid", choices=("orchid", "mha", "encoder"))
    parser.add_argument("--transform", default="dct_ortho",
                        choices=("fft", "fft_ortho", "dct_ortho", "dct_ortho_dense"))
    parser.add_argument("--kernel", default="phase", choices=("phase", "correlation"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--repeats", type=int, default=30, help="timed runs, at least 20")
    parser.add_argument("--warmup", type=int, default=5, help="runs before those, at least 5")
    parser.add_argument("--coretype", default="auto",
                        help="kernels of OpenBLAS: auto (the fastest), keep, or a name")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.shape = tuple(int(n) for n in args.shape.split(","))
    if len(args.shape) != 3 or min(args.shape) < 1 or args.threads < 1:
        parser.error("--shape takes three positive numbers, --threads a positive one")
    if args.mode != "orchid" and args.shape[2] % 64:
        parser.error("the attention peers have heads of 64: the width must be a multiple of 64")
    args.repeats, args.warmup = max(args.repeats, 20), max(args.warmup, 5)
    return args


def blas_name():
    """Which matrix library PyTorch loaded."""
    import torch

    if torch.backends.mkl.is_available():  # first: NumPy may load an OpenBLAS of its own
        return "mkl"
    libraries = ""
    if os.path.exists("/proc/self/maps"):
        with open("/proc/self/maps", encoding="utf-8") as maps:
            libraries = maps.read()
    for name, library in (("openblas", "openblas"), ("blis", "blis"), ("reference", "libblas")):
        if library in libraries:
            return name
    return "unknown"


def openblas_core():
    """The name of the kernels that OpenBLAS took, if it can be asked."""
    try:
        get = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
    except (OSError, AttributeError):
        return None
    get.restype = ctypes.c_char_p
    return get().decode()


def gemm_gflop_s(device):
    """The best rate of a float32 matrix product over half a second."""
    import torch

    rows, inner, columns = PRODUCT
    a = torch.randn(rows, inner, device=device)
    b = torch.randn(inner, columns, device=device)
    best, stop = float("inf"), time.perf_counter() + 0.5
    while time.perf_counter() < stop:
        best = min(best, timed(lambda: torch.mm(a, b), device)[0])
    return 2e-9 * rows * inner * columns / best


def timed(call, device):
    """Seconds of one call, and those of this process on all cores."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()
    start, busy = time.perf_counter(), time.process_time()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, time.process_time() - busy


def measure(call, device, warmup, repeats):
    """The times of the runs after the warm-up, summed up, in milliseconds."""
    for _ in range(warmup):
        call()
    runs = [timed(call, device) for _ in range(repeats)]
    wall, busy = (sorted(1e3 * run[i] for run in runs) for i in (0, 1))

    def at(times, fraction):
        return round(times[min(int(fraction * len(times)), len(times) - 1)], 4)

    return {"median_ms": at(wall, 0.5), "p10_ms": at(wall, 0.1), "p90_ms": at(wall, 0.9),
            "min_ms": round(wall[0], 4), "cpu_ms": at(busy, 0.5), "min_cpu_ms": round(busy[0], 4),
            "repeats": repeats}


def probe(threads, core):
    """GFLOP/s and BLAS of a fresh process with this OPENBLAS_CORETYPE; None if it fails."""
    env = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
    if core:
        env["OPENBLAS_CORETYPE"] = core
    command = [sys.executable, os.path.abspath(__file__), "--probe", "--threads", str(threads)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def choose_core_type(args):
    """Runs this program again with the kernels of OpenBLAS that are fastest on this CPU."""
    if args.coretype == "keep" or os.environ.get("PEERS_CORETYPE_CHOSEN") or args.device == "cuda":
        return
    os.environ["PEERS_CORETYPE_CHOSEN"] = "1"
    chosen = args.coretype
    if chosen == "auto":
        given = os.environ.get("OPENBLAS_CORETYPE")
        results = {given: probe(args.threads, given)}
        if not results[given] or results[given]["blas"] != "openblas":
            return
        for core in (None,) + CORE_TYPES:
            if core not in results:
                results[core] = probe(args.threads, core)
        results = {core: result["gflop_s"] for core, result in results.items() if result}
        chosen = max(results, key=results.get)
        shown = ", ".join(f"{core or 'default'} {rate:.0f}" for core, rate in results.items())
        print(f"OPENBLAS_CORETYPE, GFLOP/s: {shown}", file=sys.stderr)
    os.environ.pop("OPENBLAS_CORETYPE", None)
    if chosen:
        os.environ["OPENBLAS_CORETYPE"] = chosen
    os.execv(sys.executable, [sys.executable] + sys.argv)


def make_layer(args):
    """The layer to time, and a call of it."""
    from torch import nn

    from orchid_layer import OrchidLayer

    _, length, width = args.shape
    if args.mode == "orchid":
        layer = OrchidLayer(width, length, args.transform, args.kernel)
        return layer, layer
    if args.mode == "mha":
        layer = nn.MultiheadAttention(width, width // 64, batch_first=True)
        return layer, lambda x: layer(x, x, x, need_weights=False)[0]
    layer = nn.TransformerEncoderLayer(width, width // 64, 4 * width, dropout=0.0,
                                       activation="gelu", batch_first=True)
    return layer, layer


def peak_bytes(device):
    import torch

    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def bench(layer, call, shape, device, warmup, repeats):
    """Both passes of a layer; `call` is what runs it."""
    import torch

    x = torch.randn(shape, device=device, requires_grad=True)
    upstream = torch.randn(shape, device=device)
    parameters = [x] + list(layer.parameters())

    def forward():
        with torch.no_grad():
            call(x)

    def forward_backward():
        for parameter in parameters:
            parameter.grad = None
        call(x).backward(upstream)

    cases = []
    for name, run in (("forward", forward), ("forward_backward", forward_backward)):
        layer.train(name != "forward")
        result = {"op": name, "shape": list(shape)}
        result.update(measure(run, device, warmup, repeats))
        result["peak_bytes"] = peak_bytes(device)
        cases.append(result)
    missing = [name for name, p in layer.named_parameters() if p.grad is None]
    if missing or x.grad is None:
        raise RuntimeError(f"no gradient for {missing or 'the input'}")
    return cases


def environment(args):
    """What the numbers depend on."""
    import torch

    rate = gemm_gflop_s(args.device)
    found = {"torch": torch.__version__, "device": args.device, "threads": args.threads,
             "machine": platform.processor() or platform.machine(), "blas": blas_name(),
             "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE"),
             "openblas_core": openblas_core(), "gemm_gflop_s": round(rate, 1),
             "gemm_shape": list(PRODUCT)}
    if args.device == "cuda":
        found["device_name"] = torch.cuda.get_device_name()
        found["allow_tf32"] = torch.backends.cuda.matmul.allow_tf32
    elif rate < SLOW_GFLOP_S:
        found["warning"] = "the BLAS of this PyTorch is slow: no fair peer (install libopenblas0)"
        print(f"WARNING: {rate:.1f} GFLOP/s: {found['warning']}", file=sys.stderr)
    return found


def report(result, as_json):
    if as_json:
        print(json.dumps(result))
        return
    print(f"{result['mode']} {result.get('transform', '')} {result.get('kernel', '')}: "
          f"torch {result['torch']}, {result['threads']} threads, {result['device']}, "
          f"{result['blas']} {result['gemm_gflop_s']} GFLOP/s")
    for case in result["cases"]:
        print(f"  {case['op']:16s} median {case['median_ms']:.3f} ms, min {case['min_ms']:.3f}, "
              f"p10 {case['p10_ms']:.3f}, p90 {case['p90_ms']:.3f}, cpu {case['cpu_ms']:.3f}, "
              f"peak {case['peak_bytes'] / 2**20:.0f} MiB")


def main():
    args = parse()
    if not args.probe:
        choose_core_type(args)
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    if args.probe:
        print(json.dumps({"gflop_s": gemm_gflop_s("cpu"), "blas": blas_name()}))
        return 0
    if args.device == "cuda" and not torch.cuda.is_available():
        print("error: this PyTorch sees no CUDA device", file=sys.stderr)
        return 2
    layer, call = make_layer(args)
    layer.to(args.device)
    result = {"mode": args.mode}
    if args.mode == "orchid":
        result.update(transform=args.transform, kernel=args.kernel)
    result["cases"] = bench(layer, call, args.shape, args.device, args.warmup, args.repeats)
    result.update(environment(args))
    report(result, args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
