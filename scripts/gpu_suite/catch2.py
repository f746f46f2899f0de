"""Test programs with Catch2 (2.13 or 3): run, read, and run again what a broken GPU context spoiled."""
import os
import re
import tempfile
import xml.etree.ElementTree as ElementTree

# After one of these every later call in the process fails too, whatever it is.
STICKY = re.compile(r"illegal memory access|misaligned address|unspecified launch failure|"
                    r"illegal instruction|device-side assert|invalid program counter|"
                    r"hardware stack error|launch timed out|uncorrectable", re.IGNORECASE)
MOST_STARTS = 12


def list_names(suite, program, tag=""):
    """The names of a program's tests, in the order they run; None if it does not start."""
    tag = [f"[{tag}]"] if tag else []
    for arguments in (["--list-test-names-only"], ["--list-tests", "--verbosity", "quiet"]):
        done = suite.run([program] + tag + arguments, 60)
        names = [line for line in done.out.splitlines() if line and not line.startswith(" ")]
        if names and "rror" not in done.err:
            return names
    suite.note(f"{os.path.basename(program)} does not start: {done.reason()}")
    return None


def by_tag(suite, program):
    """Names by tag, each name once: under the tag that the fewest tests have."""
    done = suite.run([program, "--list-tags"], 60)
    counts = re.findall(r"^\s*(\d+)\s+\[([^\]]+)\]", done.out, re.MULTILINE)
    groups, seen = {}, set()
    for _, tag in sorted(counts, key=lambda entry: int(entry[0])):
        names = [name for name in list_names(suite, program, tag) or [] if name not in seen]
        seen.update(names)
        if names:
            groups[tag] = names
    return groups


def _texts(case):
    """What a failing test said."""
    told = []
    for node in case.iter():
        if node.tag == "Expression" and node.get("success") == "false":
            text = " ".join((node.findtext("Expanded") or node.findtext("Original") or "").split())
            problem = node.findtext("Exception") or node.findtext("FatalErrorCondition") or ""
            told.append(f"{node.get('type')}({text[:200]}) {' '.join(problem.split())[:300]}".strip())
        elif node.tag in ("Exception", "Failure", "FatalErrorCondition", "Info"):
            told.append(" ".join((node.text or "").split())[:300])
    return list(dict.fromkeys(told))[:6]


def parse(text):
    """The tests of an XML report that may end anywhere, and whether it is whole."""
    parser = ElementTree.XMLPullParser(["start", "end"])
    cases, open_name, whole = [], None, False
    try:
        parser.feed(text)
        for event, node in parser.read_events():
            if node.tag == "TestCase" and event == "start":
                open_name = node.get("name")
            elif node.tag == "TestCase":
                result = node.find("OverallResult")
                good = result is not None and result.get("success") == "true"
                seconds = float(result.get("durationInSeconds") or 0) if result is not None else 0.0
                cases.append({"name": node.get("name").strip(), "ok": good, "seconds": seconds})
                if not good:
                    cases[-1]["failures"] = _texts(node)
                open_name = None
            elif node.tag in ("Catch", "Catch2TestRun") and event == "end":
                whole = True
    except ElementTree.ParseError:
        pass
    return cases, open_name and open_name.strip(), whole


def names_file(suite, names):
    handle, file = tempfile.mkstemp(prefix="names-", dir=suite.scratch, text=True)
    with open(handle, "w", encoding="utf-8") as out:
        for name in names:
            escaped = name.replace("\\", "\\\\").replace(",", "\\,")
            out.write(f'"{escaped}"\n')
    return file


def run_names(suite, program, names, limit):
    """One process over these tests; (tests it ended, tests left, why it stopped or None)."""
    report = os.path.join(suite.scratch, "report.xml")
    if os.path.exists(report):
        os.remove(report)
    done = suite.run([program, "-f", names_file(suite, names), "-r", "xml", "-d", "yes", "-o", report],
                     limit)
    text = ""
    if os.path.exists(report):
        with open(report, encoding="utf-8", errors="replace") as file:
            text = file.read()
        os.remove(report)
    cases, open_name, whole = parse(text)
    why = None
    for i, case in enumerate(cases):
        if STICKY.search(" ".join(case.get("failures", []))):
            cases, why = cases[: i + 1], "the device's context broke"
            break
    else:
        if not whole:
            why = done.reason()
            if open_name:
                cases.append({"name": open_name, "ok": False, "seconds": 0.0, "failures": [why]})
    ended = {case["name"] for case in cases}
    return cases, [name for name in names if name not in ended], why


def run_program(suite, program, limit, names=None):
    """Every test of a program: (tests that ran, names not reached)."""
    names = names if names is not None else list_names(suite, program)
    if names is None:
        return [], [os.path.basename(program)]
    cases, left = [], names
    end = suite.left() - limit
    for _ in range(MOST_STARTS):
        # A test that hangs takes three fifths of the time, not what the others need.
        more, left, why = run_names(suite, program, left, 0.6 * (suite.left() - end))
        cases += more
        if not left or (why and not more) or suite.left() <= end:
            break
    return cases, left
