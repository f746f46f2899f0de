#!/usr/bin/env python3
"""Checks and measures Orchid on a GPU, stage by stage.

usage: run STAGE... --out DIR [--limit SECONDS]     from a bundle made by scripts/gpu_bundle
       run all --rehearse --build build/cpu --out DIR     the same on a CPU with tiny cases

Each stage writes DIR/<stage>.json and DIR/<stage>.log and prints a table last. A failing case does not
stop a stage, nor a failing stage the next. Exit code 0: everything asked for passed; 1: something failed
or was not reached; 2: wrong usage.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import time

import benches
import checks
from process import Suite, pack

# Stage: what it does, its own limit in seconds. The first four fit one call of eight minutes.
STAGES = {
    "devices": (checks.devices, 45, "what is there: GPU, driver, CUDA libraries and their versions"),
    "ops": (checks.ops, 170, "test_ops_cuda, test_device_cuda, test_train_cuda"),
    "golden": (checks.golden, 60, "the operator against recorded outputs, float32 and bf16"),
    "train": (checks.train, 200, "loss curves on the CPU and the GPU, with and without graphs"),
    "ranks": (checks.ranks, 60, "one rank of NCCL beside none: losses, exposed communication"),
    "sanitize": (checks.sanitize, 540, "compute-sanitizer: memcheck, racecheck, synccheck"),
    "bench-op": (benches.bench_op, 540, "the operator over the shapes of BERT, ViT, CIFAR, long"),
    "bench-transforms": (benches.bench_transforms, 90,
                         "cosine transforms by FFT, by products and fused, per shape"),
    "bench-attention": (benches.bench_attention, 90, "softmax attention alone, bf16 and float32"),
    "bench-step": (benches.bench_step, 300, "training steps of the base model, rising batches"),
    "bench-vit": (benches.bench_vit, 120, "training steps of the image classifiers"),
    "peers": (benches.peers, 540, "PyTorch and ours by turns, per shape"),
}


def parse():
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__,
        epilog="stages:\n" + "\n".join(f"  {name:16s} {seconds:4d} s  {text}"
                                       for name, (_, seconds, text) in STAGES.items()))
    parser.add_argument("stages", nargs="+", metavar="STAGE")
    parser.add_argument("--out", required=True, help="folder of the results")
    parser.add_argument("--limit", type=float, default=0, help="seconds for all stages together")
    parser.add_argument("--stage-limit", type=float, default=0, help="seconds for each stage instead")
    parser.add_argument("--pack", action="store_true",
                        help="keep everything in DIR/results.tar.gz, written after each stage")
    parser.add_argument("--build", help="folder with bin/ and lib/; default: the bundle's own")
    parser.add_argument("--families", type=lambda text: text.split(","), default=[], metavar="TAG,TAG",
                        help="sanitize: only the tests with these tags")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, tiny cases")
    parser.add_argument("--python", default=sys.executable, help="a Python with PyTorch, for peers")
    parser.add_argument("--sets", action="append", default=[], metavar="KEY=VALUE",
                        help="passed as --set to every benchmark of ours")
    args = parser.parse_args()
    if args.stages == ["all"]:
        args.stages = list(STAGES)
    for stage in args.stages:
        if stage not in STAGES:
            parser.error(f"no stage {stage!r}; there are {', '.join(STAGES)}, all")
    return args


def run_stage(suite, name, limit):
    """The stage's result, written and returned."""
    suite.begin(name, limit)
    work = STAGES[name][0]
    try:
        work(suite)
    except Exception as problem:  # a stage must not take the others with it
        suite.fail(f"{type(problem).__name__}: {problem}")
    return suite.end()


def main():
    args = parse()
    out = os.path.abspath(args.out)
    results = os.path.join(out, ".results") if args.pack else out
    if args.pack:
        shutil.rmtree(results, ignore_errors=True)  # of a run that was ended before it packed
    os.makedirs(results, exist_ok=True)
    suite = Suite(args, results)
    if not os.path.exists(suite.orchid):
        print(f"error: no program {suite.orchid}: name a build with --build", file=sys.stderr)
        return 2

    def stop(number, _):
        suite.stop()
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    end = time.monotonic() + args.limit if args.limit else float("inf")
    summary = []
    for name in args.stages:
        own = args.stage_limit or STAGES[name][1]
        left = min(own, end - time.monotonic())
        if left < 5:
            summary.append((name, "NOT REACHED", 0.0, "no time left"))
            continue
        result = run_stage(suite, name, left)
        state = "passed" if result["ok"] else "FAILED"
        summary.append((name, state, result["seconds"], "; ".join(result["notes"])[:300]))
        if args.pack:
            pack(results, os.path.join(out, "results.tar.gz"))
    print("\n== summary")
    for name, state, seconds, note in summary:
        print(f"  {name:16s} {state:11s} {seconds:6.0f} s  {note}")
    with open(os.path.join(results, "summary.json"), "w", encoding="utf-8") as file:
        json.dump([dict(zip(("stage", "state", "seconds", "note"), row)) for row in summary], file,
                  indent=1)
    if args.pack:
        pack(results, os.path.join(out, "results.tar.gz"))
    suite.clear()
    return 0 if all(state == "passed" for _, state, _, _ in summary) else 1


if __name__ == "__main__":
    sys.exit(main())
