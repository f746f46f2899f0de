"""Stages that say whether results are right."""
import concurrent.futures
import glob
import hashlib
import json
import os
import re
import shutil

import catch2
import curves
from process import table

VERSIONS = """
import ctypes, json, sys
def ask(name, function, pointer):
    try:
        library = ctypes.CDLL(name)
        value = ctypes.c_int(0)
        call = getattr(library, function)
        call.restype = ctypes.c_size_t
        found = call(ctypes.byref(value)) if pointer else call()
        return value.value if pointer else found
    except (OSError, AttributeError) as problem:
        return str(problem)
print(json.dumps({"cublasLt": ask("libcublasLt.so.13", "cublasLtGetVersion", False),
                  "cufft": ask("libcufft.so.12", "cufftGetVersion", True),
                  "cudart": ask("libcudart.so.13", "cudaRuntimeGetVersion", True),
                  "driver_cuda": ask("libcuda.so.1", "cuDriverGetVersion", True)}))
"""
SMI = ("name,driver_version,memory.total,memory.used,clocks.sm,clocks.max.sm,clocks.mem,power.limit,"
       "temperature.gpu,ecc.mode.current,mig.mode.current,compute_cap")


def devices(suite):
    found = suite.ask(60, "devices").json()
    suite.add(name="orchid devices", answer=found)
    smi = suite.run(["nvidia-smi", f"--query-gpu={SMI}", "--format=csv"], 20)
    suite.add(name="nvidia-smi", answer=smi.out.strip().splitlines() or smi.reason())
    versions = suite.run([suite.args.python, "-c", VERSIONS], 60).json()
    suite.add(name="versions", answer=versions)
    tools = {tool: shutil.which(tool) or shutil.which(tool, path="/usr/local/cuda/bin")
             for tool in ("compute-sanitizer", "ncu", "nvcc", "cuobjdump")}
    suite.add(name="tools", answer=tools)
    suite.note(f"commit {suite.result['commit']}")
    rows = [[device["device"], device["name"]] for device in (found or {}).get("devices", [])]
    rows += [[name, place] for name, place in sorted(suite.libraries.items())]
    rows += [[name, str(value)] for name, value in (versions or {}).items()]
    rows += [[name, place or "absent"] for name, place in tools.items()]
    table(["what", "which"], rows)
    if found is None:
        suite.fail("orchid devices does not answer")
    elif not suite.rehearse and not any(d["device"] != "cpu" for d in found["devices"]):
        suite.fail(f"no GPU: {found.get('no_gpu')}")
    missing = [name for name, place in suite.libraries.items() if place == "NOT FOUND"]
    if missing:
        suite.fail("not found: " + ", ".join(missing))


def ops(suite):
    if suite.rehearse:
        programs = [("test_ops", ["matmul", "arithmetic"]), ("test_train", ["optimizer", "schedule"])]
    else:
        programs = [(f"test_{part}_cuda", None) for part in ("ops", "device", "train", "comm")]
    rows = []
    for i, (program, words) in enumerate(programs):
        path = suite.program(program)
        if not os.path.exists(path):
            suite.fail(f"{program} is not in this build")
            continue
        names = catch2.list_names(suite, path)
        if names and words:
            names = [name for name in names if any(word in name for word in words)][:20]
        # What one program leaves of its share goes to the next.
        limit = suite.left() * (0.6 if i + 1 < len(programs) else 1)
        cases, left = catch2.run_program(suite, path, limit, names)
        bad = [case for case in cases if not case["ok"]]
        suite.add(program=program, tests=len(cases), failed=len(bad), not_reached=left, cases=cases)
        rows.append([program, len(cases), len(bad), len(left), sum(c["seconds"] for c in cases)])
        for case in bad:
            suite.fail(f"{program}: FAILED: {case['name']}: {'; '.join(case['failures'])[:300]}")
        if left or not cases:
            suite.fail(f"{program}: {len(left)} tests not reached: {', '.join(left[:5])}")
    table(["program", "tests", "failed", "not reached", "s"], rows)


def golden(suite):
    files = suite.golden_files()
    rows = []
    for precision in ("float32", "float64") if suite.rehearse else ("float32", "bf16"):
        options = ["--device", suite.device, "--precision", precision]
        answer = suite.ask(suite.left() / 2, "check-golden", *options, *files).json()
        if answer is None:  # one of them broke the process: each alone
            answer = {"cases": []}
            for file in files:
                done = suite.ask(20, "check-golden", *options, file)
                alone = done.json() or {"cases": [{"name": os.path.basename(file), "pass": False,
                                                   "worst": None, "reason": done.reason()}]}
                answer["cases"] += alone["cases"]
        bad = 0
        for case in answer["cases"]:
            case = {"precision": precision, **case}
            suite.add(**case)
            if not case["pass"]:
                bad += 1
                suite.fail(f"{precision}: {case['name']}: {case['worst'] or case.get('reason')}")
        if len(answer["cases"]) < len(files):
            suite.fail(f"{precision}: {len(answer['cases'])} of {len(files)} files answered")

        over = [case["worst"]["error"] / case["worst"]["bound"] for case in answer["cases"]
                if case["worst"] and case["worst"]["error"] is not None]

        def largest(test, cases=answer["cases"]):
            values = [value if value is not None else float("nan") for case in cases
                      for name, value in case.get("errors", {}).items() if test(name)]
            return max(values, key=lambda v: v if v == v else float("inf"), default=None)

        rows.append([precision, len(answer["cases"]), bad, largest(lambda name: name == "y"),
                     largest(lambda name: name == "dx"),
                     max(over, default=None)])
    table(["precision", "cases", "failed", "worst y", "worst dx", "worst / its bound"], rows)


# --- compute-sanitizer ---------------------------------------------------------------------------

ERRORS = {"racecheck": re.compile(r"RACECHECK SUMMARY: (\d+) hazard"),
          "other": re.compile(r"ERROR SUMMARY: (\d+) error")}


def small_tests(suite, program, most):
    """Names by tag of the tests that the stage ops found short, where it ran; else of all."""
    groups = catch2.by_tag(suite, program)
    if not os.path.exists(suite.path("ops.json")):
        return groups
    with open(suite.path("ops.json"), encoding="utf-8") as file:
        stored = json.load(file)["cases"]
    long = {case["name"] for part in stored for case in part.get("cases", [])
            if case["seconds"] > most and part["program"] == os.path.basename(program)}
    if long:
        suite.note(f"left out, more than {most} s each: {', '.join(sorted(long))}")
    groups = {tag: [name for name in names if name not in long] for tag, names in groups.items()}
    return {tag: names for tag, names in groups.items() if names}


def sanitize_group(suite, tool, sanitizer, program, group, names):
    if sanitizer:
        command = [sanitizer, "--tool", tool, "--error-exitcode", "99", "--print-limit", "20"]
    else:
        command = []  # a rehearsal without the tool
    done = suite.run(command + [program, "-f", catch2.names_file(suite, names)], 300)
    text = done.out + done.err
    pattern = ERRORS["racecheck" if tool == "racecheck" else "other"]
    match = pattern.search(text)
    lines = [line.lstrip("= ").strip() for line in text.splitlines() if line.startswith("=====")]
    told = [line for line in lines if re.match(r"(Invalid|Error|Race|Potential|Warning|Barrier|Uninit|"
                                               r"Program hit|Illegal|Misaligned)", line)]
    return {"tool": tool, "group": group, "tests": len(names), "code": done.code,
            "errors": int(match.group(1)) if match else None, "seconds": round(done.seconds, 1),
            "finished": done.code is not None, "said": list(dict.fromkeys(told))[:8]}


def sanitize(suite):
    sanitizer = shutil.which("compute-sanitizer", path=os.environ["PATH"] + ":/usr/local/cuda/bin")
    program = suite.program("test_ops" if suite.rehearse else "test_ops_cuda")
    if sanitizer is None and not suite.rehearse:
        suite.fail("compute-sanitizer is not on this machine")
        return
    if not os.path.exists(program):
        suite.fail(f"{os.path.basename(program)} is not in this build")
        return
    if sanitizer is None:
        suite.note("compute-sanitizer is not here: the tests run without it")
    groups = small_tests(suite, program, 0.5)
    if suite.args.families:
        unknown = [tag for tag in suite.args.families if tag not in groups]
        if unknown:
            suite.fail(f"no tests have the tag {', '.join(unknown)}; there are {', '.join(groups)}")
        groups = {tag: groups[tag] for tag in suite.args.families if tag in groups}
    elif suite.rehearse:
        groups = dict(list(groups.items())[:2])
    tools = ["racecheck", "memcheck", "synccheck", "initcheck"]  # the slowest first
    rows = []
    with concurrent.futures.ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 2)) as pool:
        work = {tool: [pool.submit(sanitize_group, suite, tool, sanitizer, program, group, names)
                       for group, names in groups.items()] for tool in tools}
    for tool in tools:
        cases = [suite.add(**done.result()) for done in work[tool]]
        # A family without work on the GPU, such as the CPU's own mathematics, has nothing to check.
        cases = [case for case in cases if not any("before first instrumented" in s for s in case["said"])]
        counted = [case["errors"] for case in cases if case["errors"] is not None]
        late = [case["group"] for case in cases if not case["finished"]]
        rows.append([tool, len(cases), len(late), sum(counted)])
        for case in cases:
            if case["errors"] or (sanitizer and case["errors"] is None and case["finished"]):
                suite.fail(f"{tool}, {case['group']}: {case['errors']} errors: "
                           f"{'; '.join(case['said'])[:250]}")
            elif case["finished"] and case["code"]:
                suite.fail(f"{tool}, {case['group']}: tests failed, exit {case['code']}")
        if late:
            suite.note(f"{tool}: not finished: {', '.join(late)}")
    table(["tool", "groups", "not finished", "errors"], rows)


# --- Training ------------------------------------------------------------------------------------


def corpus(suite):
    """Token folders: the bundle's, or made here."""
    place = suite.source("corpus")
    if os.path.exists(os.path.join(place, "tokens", "train")):
        return os.path.join(place, "tokens")
    place = os.path.join(suite.scratch, "corpus")
    os.makedirs(place, exist_ok=True)
    text, vocabulary = os.path.join(place, "text"), os.path.join(place, "vocab.txt")
    suite.run([suite.orchid, "data", "synth", "--out", text, "--documents", "1500"], 60)
    files = sorted(glob.glob(text + "*.json.gz"))
    suite.run([suite.orchid, "data", "vocab", *files, "--size", "4096", "--out", vocabulary], 60)
    suite.run([suite.orchid, "data", "tokenize", *files, "--vocab", vocabulary, "--out",
               os.path.join(place, "tokens"), "--valid-fraction", "0.05", "--mode", "packed"], 60)
    return os.path.join(place, "tokens")


def digest(folder):
    """Of the parameters of a run's last checkpoint."""
    files = sorted(glob.glob(os.path.join(folder, "checkpoints", "step-*", "model.safetensors")))
    if not files:
        return None
    with open(files[-1], "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def train_once(suite, name, tokens, steps, settings):
    """One run; its losses by step."""
    folder = os.path.join(suite.scratch, name)
    sets = {"data.train": os.path.join(tokens, "train"), "data.valid": os.path.join(tokens, "valid"),
            "schedule.steps": steps, "log_every": 1, "evaluate_every": 0, "checkpoint.every": steps,
            "model.dropout": 0.1, "model.encoder.dropout": 0.1, **settings}
    options = [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]
    done = suite.ask(120, "train", suite.source("configs", "quickstart", "mlm.json"),
                     "--run-dir", folder, *options)
    losses, communication, file = {}, 0.0, os.path.join(folder, "metrics.jsonl")
    if os.path.exists(file):
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                if entry.get("split") == "train":
                    losses[entry["step"]] = entry["loss"]
                    communication += entry.get("communication_s", 0)
    case = {"run": name, "ok": done.code == 0, "seconds": round(done.seconds, 1),
            "settings": settings, "parameters_sha256": digest(folder),
            "losses": [losses[step] for step in sorted(losses)],
            "elapsed_s": entry["elapsed_s"] if losses else None, "communication_s": communication}
    if done.code != 0:
        case["reason"] = done.reason()
        suite.fail(f"{name}: {case['reason']}")
    shutil.rmtree(folder, ignore_errors=True)
    return suite.add(**case)


def train(suite):
    steps = 20 if suite.rehearse else 300
    tokens = corpus(suite)
    gpu = {"device": suite.device}
    if suite.rehearse:
        variants = [("cpu_float32", {"device": "cpu"}), ("cpu_again", {"device": "cpu"}),
                    ("cpu_one_thread", {"device": "cpu", "threads": 1})]
        same, close = [("cpu_float32", "cpu_again")], [("cpu_float32", "cpu_one_thread")]
    else:
        variants = [("cpu_float32", {"device": "cpu"})]
        for precision in ("float32", "bf16"):
            for name, graphs in (("graphs", "auto"), ("again", "auto"), ("direct", "off")):
                variants.append((f"gpu_{precision}_{name}",
                                 {**gpu, "precision": precision, "cuda_graphs": graphs}))
        same = [(f"gpu_{p}_graphs", f"gpu_{p}_{n}") for p in ("float32", "bf16")
                for n in ("again", "direct")]
        close = [("cpu_float32", "gpu_float32_graphs"), ("cpu_float32", "gpu_bf16_graphs")]
    runs = {name: train_once(suite, name, tokens, steps, settings) for name, settings in variants}
    table(["run", "steps", "first loss", "last loss", "s"],
          [[name, len(run["losses"]), *(run["losses"][i] if run["losses"] else None for i in (0, -1)),
            run["seconds"]] for name, run in runs.items()])
    comparisons = []
    for first, second in same + close:
        found = curves.compare(runs[first], runs[second])
        found["expected"] = "same bits" if (first, second) in same else "close"
        comparisons.append(found)
        if found["expected"] == "same bits" and not found["same_bits"]:
            suite.fail(f"{first} and {second} differ, first at step {found['first_difference']}")
    suite.result["comparisons"] = comparisons
    table(["run", "beside", "same bits", "largest difference", "at step", "mean", "of the last tenth"],
          [[c["runs"][0], c["runs"][1], "yes" if c["same_bits"] else "no", c["largest"], c["at_step"],
            c["mean"], c["last_tenth"]] for c in comparisons])
    with open(suite.path("train.svg"), "w", encoding="utf-8") as file:
        file.write(curves.svg({name: run["losses"] for name, run in runs.items()},
                              f"training loss, {steps} steps, {suite.result['commit']}"))


def ranks(suite):
    """One rank of NCCL, which goes through all that many do, beside none."""
    steps = 20 if suite.rehearse else 100
    tokens = corpus(suite)
    base = {"device": suite.device} if suite.rehearse else {"device": suite.device, "precision": "bf16"}
    variants = [("alone", {})]
    if not suite.rehearse:
        variants += [("nccl", {"parallel.backend": "nccl"}),
                     ("nccl_sharded", {"parallel.backend": "nccl", "parallel.shard_optimizer": "true",
                                       "parallel.bucket_mib": 1})]
    runs = {name: train_once(suite, name, tokens, steps, {**base, **settings})
            for name, settings in variants}
    table(["run", "steps", "last loss", "s", "exposed communication s"],
          [[name, len(run["losses"]), run["losses"][-1] if run["losses"] else None, run["elapsed_s"],
            run["communication_s"]] for name, run in runs.items()])
    for name, run in runs.items():
        if run["ok"] and runs["alone"]["ok"]:
            found = curves.compare(runs["alone"], run)
            found["runs"] = ["alone", name]
            suite.result.setdefault("comparisons", []).append(found)
            if not found["same_bits"]:
                suite.fail(f"{name}: differs from alone, first at step {found['first_difference']}")
