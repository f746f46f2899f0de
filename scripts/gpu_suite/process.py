"""What every stage needs: paths, processes with limits, results, tables."""
import glob
import io
import json
import os
import re
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def pack(folder, archive):
    """All results in one file, in place of the one before."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        tar.add(folder, arcname="results")
    with open(archive + ".part", "wb") as file:
        file.write(data.getvalue())
    os.replace(archive + ".part", archive)


class Done:
    """What a process left: its exit code (None: it ran past its limit), output and seconds."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def json(self):
        """Its output as JSON, or None."""
        try:
            return json.loads(self.out)
        except ValueError:
            return None

    def reason(self):
        """Why there is no answer, in a line."""
        if self.code is None:
            return f"ran past {self.seconds:.0f} s"
        lines = [line for line in (self.err + self.out).splitlines() if line.strip()]
        told = [line for line in lines if line.startswith("error")] or lines[-1:]
        ended = f"signal {-self.code}" if self.code < 0 else f"exit {self.code}"
        return f"{ended}: {told[0][:300]}" if told else ended


class Suite:
    def __init__(self, args, results):
        self.args, self.results, self.rehearse = args, results, args.rehearse
        self.build = os.path.abspath(args.build) if args.build else ROOT
        self.orchid = self.program("orchid")
        self.device = "cpu" if args.rehearse else "cuda"
        self.environment, self.libraries = self._environment()
        self.scratch = tempfile.mkdtemp(prefix="orchid-suite-")
        self.log = self.deadline = self.result = None
        self.children, self.lock = set(), threading.Lock()
        self.driver, self.card = self._card()

    # --- Paths -------------------------------------------------------------------------------

    def program(self, name):
        return os.path.join(self.build, "bin", name)

    def path(self, *parts):
        return os.path.join(self.results, *parts)

    @staticmethod
    def source(*parts):
        return os.path.join(ROOT, *parts)

    def golden_files(self):
        return sorted(glob.glob(self.source("tests", "golden", "*.safetensors")))

    def commit(self):
        if os.path.exists(self.source("COMMIT")):
            with open(self.source("COMMIT"), encoding="utf-8") as file:
                return file.read().strip()
        command = ["git", "-C", ROOT, "describe", "--always", "--dirty=+", "--exclude=*"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() or "unknown"

    # --- CUDA libraries ----------------------------------------------------------------------

    def _environment(self):
        """The environment of our programs, and where each CUDA library comes from."""
        env = dict(os.environ, ORCHID_SOURCE_DIR=ROOT)
        own = [os.path.join(self.build, "lib"), os.path.join(self.build, "lib", "bundled")]
        folders = [folder for folder in own if os.path.isdir(folder)]
        given = [folder for folder in env.get("LD_LIBRARY_PATH", "").split(":") if folder]
        backends = [os.path.join(self.build, "lib", f"liborchid_{part}.so") for part in ("cuda", "nccl")]
        found = {}
        for folder in [None] + self._cuda_folders():
            if folder:
                missing = [name for name, place in found.items() if place is None]
                if not any(os.path.exists(os.path.join(folder, name)) for name in missing):
                    continue
                folders.append(folder)
            env["LD_LIBRARY_PATH"] = ":".join(folders + given)
            found = {name: place for backend in backends
                     for name, place in self._needed(backend, env).items()}
            if not any(place is None for place in found.values()):
                break
        return env, {name: place or "NOT FOUND" for name, place in found.items()}

    @staticmethod
    def _cuda_folders():
        """Where CUDA libraries may lie that the loader does not know: Python's, the toolkit's."""
        places = {sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]}
        places.update(site.getsitepackages() + [site.getusersitepackages()])
        places.update(path for path in sys.path if path.endswith("-packages"))
        places.update(glob.glob("/opt/*/.venv/lib/python3*/site-packages"))
        folders = [folder for place in sorted(places)
                   for folder in sorted(glob.glob(os.path.join(place, "nvidia", "*", "lib")))]
        return folders + [folder for folder in ("/usr/local/cuda/lib64", "/usr/local/cuda/lib")
                          if os.path.isdir(folder)]

    @staticmethod
    def _needed(library, env):
        """CUDA libraries that `library` asks for: name to file, or to None."""
        if not os.path.exists(library):
            return {}
        done = subprocess.run(["ldd", library], env=env, capture_output=True, text=True, check=False)
        found = {}
        for line in done.stdout.splitlines():
            match = re.match(r"\s*(lib(?:cu|nv|nccl)\S+) => (not found|\S+)", line)
            if match:
                place = match.group(2)
                found[match.group(1)] = None if place == "not found" else os.path.realpath(place)
        return found

    def _card(self):
        """Driver and name of the first GPU."""
        if not shutil.which("nvidia-smi"):
            return None, "cpu" if self.rehearse else None
        done = subprocess.run(["nvidia-smi", "--query-gpu=driver_version,name", "--format=csv,noheader"],
                              capture_output=True, text=True, check=False)
        first = done.stdout.strip().split("\n")[0].split(", ")
        return (first[0], first[1]) if done.returncode == 0 and len(first) == 2 else (None, None)

    # --- Stages ------------------------------------------------------------------------------

    def begin(self, stage, limit):
        print(f"\n== {stage} (at most {limit:.0f} s)", flush=True)
        self.log = open(self.path(stage + ".log"), "w", encoding="utf-8")
        self.deadline = time.monotonic() + limit
        self.result = {"stage": stage, "commit": self.commit(), "device": self.card,
                       "driver": self.driver, "libraries": self.libraries,
                       "command": " ".join(sys.argv), "rehearsal": self.rehearse,
                       "start": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "seconds": 0.0, "ok": True,
                       "notes": [], "cases": []}
        self.started = time.monotonic()

    def left(self):
        return self.deadline - time.monotonic()

    def add(self, **case):
        self.result["cases"].append(case)
        self.save()
        return case

    def note(self, text):
        self.result["notes"].append(text)
        print(f"  {text}", flush=True)

    def fail(self, text):
        self.result["ok"] = False
        self.note(text)

    def save(self):
        self.result["seconds"] = round(time.monotonic() - self.started, 1)
        file = self.path(self.result["stage"] + ".json")
        with open(file + ".part", "w", encoding="utf-8") as out:
            json.dump(self.result, out, indent=1)
        os.replace(file + ".part", file)

    def end(self):
        self.save()
        self.log.close()
        return self.result

    def stop(self):
        """After a signal: nothing of ours goes on, and what is known is written."""
        for child in list(self.children):
            self._kill(child)
        if self.result:
            self.result["ok"] = False
            self.result["notes"].append("stopped by a signal")
            self.save()
        if self.args.pack:
            pack(self.results, os.path.join(self.args.out, "results.tar.gz"))
        self.clear()

    def clear(self):
        """Removes what is not a result."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        if self.args.pack:
            shutil.rmtree(self.results, ignore_errors=True)

    # --- Processes ---------------------------------------------------------------------------

    @staticmethod
    def _kill(child):
        if child.poll() is None:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def run(self, command, limit, env=None):
        """Runs a command within `limit` seconds and the stage's time, in a process group of its own.
        Several threads may do so at once."""
        command = [str(part) for part in command]
        limit = min(limit, self.left())
        if limit <= 0:
            self._log(f"$ {' '.join(command)}\nnot started: no time left\n")
            return Done(None, "", "", 0)
        begin = time.monotonic()
        try:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     text=True, errors="replace", cwd=ROOT,
                                     env=dict(self.environment, **(env or {})),
                                     preexec_fn=os.setpgrp)
        except OSError as problem:
            return Done(127, "", f"error: {problem}", 0)
        self.children.add(child)
        try:
            out, err = child.communicate(timeout=limit)
            code = child.returncode
        except subprocess.TimeoutExpired:
            self._kill(child)
            out, err = child.communicate()
            code = None
        self.children.discard(child)
        seconds = time.monotonic() - begin
        self._log(f"$ {' '.join(command)}\n{err}{out}\n# exit {code}, {seconds:.1f} s\n")
        return Done(code, out, err, seconds)

    def _log(self, text):
        with self.lock:
            self.log.write(text)
            self.log.flush()

    def ask(self, limit, *arguments):
        """An answer of `orchid` in JSON."""
        return self.run([self.orchid, *arguments, "--json"], limit)


def table(header, rows):
    """Prints rows under a header, numbers to the right."""
    texts = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [header] + texts) for i in range(len(header))]
    for line, row in zip([header] + texts, [header] + rows):
        cells = [text.ljust(width) if isinstance(cell, str) else text.rjust(width)
                 for text, width, cell in zip(line, widths, row)]
        print("  " + "  ".join(cells).rstrip(), flush=True)


def number(value):
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
