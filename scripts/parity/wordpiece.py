#!/usr/bin/env python3
"""Compares `orchid data tokenize` with Hugging Face's BertWordPieceTokenizer, line by line.

    pip install tokenizers
    scripts/parity/wordpiece.py --vocab vocab.txt FILE...

Every line of every text file must give the same ids. Prints the differing lines and exits with 1.
"""

import argparse
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read_documents(directory):
    """Token lists of a token directory; format: data/README.md."""
    for shard in sorted(pathlib.Path(directory).glob("tokens-*.bin")):
        index = [line.split() for line in (pathlib.Path(directory) / "index.txt").read_text().splitlines()]
        documents, tokens = next((int(w[2]), int(w[3])) for w in index if w[0] == "shard" and w[1] == shard.name)
        data = shard.read_bytes()
        offsets_at = (8 + 2 * tokens + 7) // 8 * 8
        ids = struct.unpack_from(f"<{tokens}H", data, 8)
        offsets = struct.unpack_from(f"<{documents + 1}Q", data, offsets_at)
        for begin, end in zip(offsets, offsets[1:]):
            yield list(ids[begin:end])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", required=True)
    parser.add_argument("--orchid", default=ROOT / "build/cpu/bin/orchid")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    from tokenizers import BertWordPieceTokenizer

    reference = BertWordPieceTokenizer(options.vocab, lowercase=True)
    lines, different = 0, 0
    for file in options.files:
        text = pathlib.Path(file).read_bytes().decode("utf-8-sig", errors="ignore")
        texts = [line.rstrip("\r") for line in text.split("\n")]
        expected = [(line, reference.encode(line, add_special_tokens=False).ids) for line in texts]
        expected = [(line, ids) for line, ids in expected if ids]
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "tokens"
            subprocess.run([options.orchid, "data", "tokenize", file, "--vocab", options.vocab, "--out", out,
                            "--unit", "line", "--literal-specials"], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            ours = list(read_documents(out))
        lines += len(expected)
        if len(ours) != len(expected):
            print(f"{file}: {len(expected)} lines with tokens, ours {len(ours)}")
            different += 1
        for (line, ids), mine in zip(expected, ours):
            if ids != mine:
                different += 1
                print(f"{file}: {line!r}\n  expected {ids}\n  ours     {mine}")
    print(f"{lines} lines compared, {different} differ")
    return 1 if different or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
