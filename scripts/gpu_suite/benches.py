"""Stages that measure: ours alone, and by turns with PyTorch."""
import os

from process import table

BERT = [(512, 128, 768), (128, 128, 768), (32, 128, 768), (256, 128, 960), (256, 128, 1536)]
VIT = [(128, 196, 768), (128, 197, 768), (256, 197, 384)]
CIFAR = [(64, 1024, 128), (64, 1024, 256), (8, 1024, 768)]
LONG = [(4, 8192, 768), (1, 32768, 768), (2, 65536, 256), (1, 131072, 256)]
VARIANTS = [("phase", "dct_ortho"), ("phase", "fft_ortho"), ("correlation", "dct_ortho"),
            ("correlation", "fft_ortho")]
TINY = [(2, 16, 64), (1, 33, 64)]


def op_cases(suite):
    """(shape, kernel, transform, precision), what matters most first."""
    if suite.rehearse:
        return [(shape, *variant, "float32") for shape in TINY for variant in VARIANTS[:2]]
    first = [BERT[0], VIT[0], CIFAR[1], LONG[0], LONG[3]]
    rest = [shape for shape in BERT + VIT + CIFAR + LONG if shape not in first]
    cases = [(shape, *variant, "bf16") for shape in first for variant in VARIANTS]
    cases += [(shape, *VARIANTS[0], "float32") for shape in (BERT[1], CIFAR[1])]
    cases += [(shape, *variant, "bf16") for variant in VARIANTS for shape in rest]
    return cases


def run_op(suite, case, limit=60, extra=()):
    """One `orchid bench op`: its case, or the reason there is none."""
    shape, kernel, transform, precision = case
    sets = [f"device={suite.device}", f"precision={precision}", f"mixer.kernel={kernel}",
            f"mixer.transform={transform}", *extra] + suite.args.sets
    options = [part for item in sets for part in ("--set", item)]
    done = suite.ask(limit, "bench", "op", "orchid", "--shape", ",".join(map(str, shape)), *options)
    answer = done.json() if done.code == 0 else None
    found = answer["cases"][0] if answer else {"reason": done.reason()}
    return {"shape": list(shape), "kernel": kernel, "transform": transform, **found,
            "precision": precision}


def floors(case):
    """Milliseconds that the same run's product and copy would take for the case's work."""
    return (case["flops"] / case["gemm_gflop_s"] * 1e-6, case["bytes"] / case["copy_gb_s"] * 1e-6)


def shown(shape):
    return "x".join(map(str, shape))


def bench_op(suite):
    cases, rows = op_cases(suite), []
    for i, case in enumerate(cases):
        if suite.left() < 8:
            suite.note(f"{len(cases) - i} of {len(cases)} cases not reached")
            break
        found = suite.add(**run_op(suite, case))
        label = [shown(case[0]), case[1], case[2], case[3]]
        if "reason" in found:
            suite.fail(f"{' '.join(label)}: {found['reason']}")
            continue
        product, copy = floors(found)
        rows.append(label + [found["forward_median_ms"], found["median_ms"], found["p10_ms"],
                             found["p90_ms"], product, copy, found["peak_bytes"] / 2**20,
                             found["copy_gb_s"], found["gemm_gflop_s"] / 1000])
    table(["B x L x D", "kernel", "transform", "precision", "fwd ms", "fwd+bwd ms", "p10", "p90",
           "product ms", "bytes ms", "MiB", "copy GB/s", "TFLOP/s"], rows)


def golden_of_method(suite, method, precision):
    """Worst y, worst dx, the largest error over its bound and the failing cases, of all cosine cases."""
    files = [file for file in suite.golden_files() if "dct" in os.path.basename(file)]
    done = suite.ask(suite.left() / 2, "check-golden", "--device", suite.device, "--precision",
                     precision, "--transforms", method, *files)
    answer = done.json()
    if answer is None:
        suite.fail(f"golden, {method}: {done.reason()}")
        return [None] * 4
    cases = answer["cases"]
    for case in cases:
        suite.add(**{**case, "method": method, "precision": precision})
        if not case["pass"]:
            suite.fail(f"golden, {method}: {case['name']}: {case['worst']}")

    def largest(values):
        return max((value for value in values if value is not None), default=None)

    over = [case["worst"]["error"] / case["worst"]["bound"] for case in cases
            if case["worst"] and case["worst"]["error"] is not None]
    return [largest(case["errors"].get("y") for case in cases),
            largest(case["errors"].get("dx") for case in cases), largest(over),
            sum(not case["pass"] for case in cases)]


def bench_transforms(suite):
    """Cosine transforms by FFT, by products, and convolutions as one kernel, by turns on one machine."""
    methods = ("fft", "product", "fused")
    precision = "float32" if suite.rehearse else "bf16"
    shapes = TINY if suite.rehearse else [BERT[0], VIT[0], VIT[2], (128, 256, 768)]
    golden = {method: golden_of_method(suite, method, precision) for method in methods}
    rows = []
    for shape in shapes:
        for method in methods:
            if suite.left() < 5:
                suite.note(f"not reached: {shown(shape)} {method}")
                continue
            found = suite.add(method=method, **run_op(suite, (shape, *VARIANTS[0], precision),
                                                      extra=(f"transforms={method}",)))
            if "reason" in found:
                suite.fail(f"{shown(shape)} {method}: {found['reason']}")
                continue
            product, copy = floors(found)
            rows.append([shown(shape), method, found["forward_median_ms"], found["median_ms"],
                         found["p10_ms"], found["p90_ms"], product, copy,
                         found["peak_bytes"] / 2**20, *golden[method]])
    table(["B x L x D", "method", "fwd ms", "fwd+bwd ms", "p10", "p90", "product ms", "bytes ms",
           "MiB", "golden y", "dx", "worst / its bound", "failed"], rows)


def bench_attention(suite):
    """Softmax attention alone: bf16 goes over the tensor cores, float32 over the float units."""
    cases = [(512, 197, 768, 12), (128, 512, 768, 12), (256, 128, 768, 12), (16, 2048, 2048, 16)]
    rows = []
    for *shape, heads in [(2, 33, 64, 2)] if suite.rehearse else cases:
        for precision in ("float32",) if suite.rehearse else ("bf16", "float32"):
            if suite.left() < 8:
                suite.note(f"not reached: {shown(shape)} {precision}")
                continue
            sets = [f"device={suite.device}", f"precision={precision}", f"mixer.heads={heads}"]
            options = [part for item in sets + suite.args.sets for part in ("--set", item)]
            done = suite.ask(60, "bench", "op", "attention", "--shape", ",".join(map(str, shape)),
                             *options)
            answer = done.json() if done.code == 0 else None
            found = answer["cases"][0] if answer else {"reason": done.reason()}
            suite.add(**{**found, "shape": shape, "heads": heads, "precision": precision})
            if "reason" in found:
                suite.fail(f"{shown(shape)} {precision}: {found['reason']}")
                continue
            forward, both = found["forward_median_ms"], found["median_ms"]
            rows.append([shown(shape), heads, precision, forward, both, both - forward,
                         found["flops"] * 2 / 7 / forward * 1e-9,
                         found["flops"] * 5 / 7 / (both - forward) * 1e-9,
                         found["gemm_gflop_s"] / 1000, found["peak_bytes"] / 2**20])
    table(["B x L x D", "heads", "precision", "fwd ms", "fwd+bwd ms", "bwd ms", "fwd TFLOP/s",
           "bwd TFLOP/s", "product TFLOP/s", "MiB"], rows)


def run_step(suite, config, batch, precision, extra=()):
    sets = [f"device={suite.device}", f"precision={precision}", f"batch.per_device={batch}",
            f"batch.global={batch}", *extra] + suite.args.sets
    options = [part for item in sets for part in ("--set", item)]
    done = suite.ask(90, "bench", "step", suite.source("configs", *config.split("/")), *options)
    answer = done.json() if done.code == 0 else None
    found = answer["cases"][0] if answer else {"reason": done.reason(), "code": done.code}
    return {"config": config, "batch": batch, "setting": " ".join(extra), **found,
            "precision": precision}


def step_series(suite):
    """(configuration, precision, batches, settings), each batch only if the one before fitted."""
    if suite.rehearse:
        return [("smoke/mlm.json", "float32", [2, 4], ())]
    rising = [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
    base = "mlm/orchid_bert_base.json"
    return [(base, "bf16", rising, ()), (base, "bf16", [128], ("cuda_graphs=off",)),
            (base, "float32", [128], ()), (base, "float32", [128], ("tf32=true",)),
            ("mlm/orchid_bert_large.json", "bf16", [32, 128, 512], ())]


def vit_series(suite):
    if suite.rehearse:
        return [("image/mnist.json", "float32", [2], ())]
    return [("image/imagenet_orchid_vit_b.json", "bf16", [64, 256, 512], ()),
            ("image/imagenet_vit_b.json", "bf16", [64, 256], ())]


def bench_step(suite):
    bench_steps(suite, step_series(suite))


def bench_vit(suite):
    bench_steps(suite, vit_series(suite))


def bench_steps(suite, series):
    rows = []
    for config, precision, batches, extra in series:
        for batch in batches:
            if suite.left() < 10:
                suite.note(f"not reached: {config} {precision} {batch} {' '.join(extra)}")
                break
            found = suite.add(**run_step(suite, config, batch, precision, extra))
            if "reason" in found:
                full = found["code"] == 1 and "memory" in found["reason"].lower()
                (suite.note if full else suite.fail)(
                    f"{config} {precision} batch {batch}: {found['reason']}")
                break
            found["mfu"] = found["flops"] / found["median_ms"] * 1e-6 / found["gemm_gflop_s"]
            rows.append([os.path.basename(config), precision, found["setting"], batch,
                         found["median_ms"], found["p90_ms"], found["tokens_per_s"],
                         100 * found["mfu"], found["peak_bytes"] / 2**20, found["outside_ms"]])
            suite.save()
    table(["config", "precision", "setting", "batch", "step ms", "p90", "tokens/s", "MFU %", "MiB",
           "outside ops ms"], rows)


# --- Peers ---------------------------------------------------------------------------------------


def peer_layers(suite):
    """(shape, kernel, transform, precision, variants)."""
    if suite.rehearse:
        return [(TINY[0], "phase", "dct_ortho", "float32", "complex,real,compiled,attention"),
                (TINY[1], "correlation", "fft_ortho", "float32", "complex,real,compiled")]
    every = "complex,real,compiled,attention"
    return [(BERT[0], "phase", "dct_ortho", "bf16", every),
            (BERT[0], "correlation", "fft_ortho", "bf16", "complex,real,compiled"),
            (LONG[0], "phase", "fft_ortho", "bf16", every),
            (CIFAR[1], "phase", "dct_ortho", "bf16", every),
            (VIT[0], "phase", "dct_ortho", "bf16", every),
            (LONG[3], "phase", "fft_ortho", "bf16", every)]


def peer(suite, limit, *arguments):
    """One run of compare.py: its answer, or the reason there is none."""
    program = suite.source("scripts", "peers", "compare.py")
    done = suite.run([suite.args.python, program, *arguments, "--device", suite.device], limit)
    return done.json() or {"cases": [], "skipped": [], "reason": done.reason()}


def add_layer_rows(rows, case, ours, answer):
    label = [shown(case[0]), case[1], case[2]]
    known = "reason" not in ours
    if known:
        rows.append(label + ["ours", ours["forward_median_ms"], ours["median_ms"], 1.0, 1.0,
                             ours["peak_bytes"] / 2**20, None])
    for found in answer["cases"]:
        forward, total = found["forward"]["median_ms"], found["total"]["median_ms"]
        peak = found["peak_bytes"]
        rows.append(label + [found["variant"], forward, total,
                             forward / ours["forward_median_ms"] if known else None,
                             total / ours["median_ms"] if known else None,
                             peak / 2**20 if peak else None, (found.get("golden") or {}).get("y")])


def peers_layers(suite):
    rows, reserve = [], 0.4 * suite.left()  # for the steps
    for case in peer_layers(suite):
        if suite.left() < reserve + 15:
            suite.note(f"not reached: layer {shown(case[0])} {case[1]} {case[2]}")
            continue
        shape, kernel, transform, precision, variants = case
        ours = run_op(suite, case[:4])
        answer = peer(suite, suite.left() - reserve, "layer", "--shape", ",".join(map(str, shape)),
                      "--kernel", kernel, "--transform", transform, "--precision", precision,
                      "--variants", variants, "--seconds", "0.2" if suite.rehearse else "1")
        again = run_op(suite, case[:4])
        suite.add(what="layer", shape=list(shape), kernel=kernel, transform=transform,
                  precision=precision, ours=ours, ours_again=again, peers=answer)
        report(suite, f"layer {shown(shape)}", ours, answer)
        add_layer_rows(rows, case, ours, answer)
    table(["B x L x D", "kernel", "transform", "which", "fwd ms", "fwd+bwd ms", "fwd / ours",
           "fwd+bwd / ours", "MiB", "golden y"], rows)


def report(suite, label, ours, answer):
    for name, found in (("ours", ours), ("peers", answer)):
        if "reason" in found:
            suite.fail(f"{label}: {name}: {found['reason']}")
    for found in answer["skipped"]:
        suite.note(f"{label}: {found['variant']} left out: {found['reason']}")


def peers_steps(suite):
    rows = []
    for batch, model in ((2, "orchid,attention"),) if suite.rehearse else \
            ((128, "orchid"), (128, "attention"), (512, "attention"), (512, "orchid")):
        if suite.left() < 15:
            suite.note(f"not reached: step {batch} {model}")
            continue
        if suite.rehearse:
            config, precision = "smoke/mlm.json", "float32"
            size = ["--length", "16", "--width", "64", "--layers", "2", "--vocabulary", "128"]
        else:
            config, precision, size = "mlm/orchid_bert_base.json", "bf16", []
        ours = run_step(suite, config, batch, precision)
        answer = peer(suite, suite.left() - 5, "step", "--batch", str(batch), "--model", model,
                      "--precision", precision, *size, "--seconds", "0.2" if suite.rehearse else "1")
        suite.add(what="step", batch=batch, precision=precision, ours=ours, peers=answer)
        report(suite, f"step {batch}", ours, answer)
        known = "reason" not in ours
        if known:
            rows.append([batch, "ours", ours["median_ms"], ours["tokens_per_s"], 1.0,
                         ours["peak_bytes"] / 2**20])
        for found in answer["cases"]:
            time = found["step"]["median_ms"]
            rows.append([batch, found["variant"], time, found["tokens_per_s"],
                         time / ours["median_ms"] if known else None,
                         found["peak_bytes"] / 2**20 if found["peak_bytes"] else None])
    table(["batch", "which", "step ms", "tokens/s", "step / ours", "MiB"], rows)


def peers(suite):
    peers_layers(suite)
    peers_steps(suite)
