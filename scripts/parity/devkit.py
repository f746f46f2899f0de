#!/usr/bin/env python3
"""Writes tests/data/images/meta.mat, a file in the form of meta.mat of ImageNet's devkit, by SciPy: four classes and the
group of two of them. Run it again only if the form is to change.

    python3 scripts/parity/devkit.py          needs scipy and numpy
"""
import pathlib

import numpy
import scipy.io

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIELDS = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O"), ("children", "O"),
          ("wordnet_height", "O"), ("num_train_images", "O")]
ROWS = [(1, "n02119789", "kit fox", [], 1300), (2, "n02100735", "English setter", [], 1300), (3, "n02110185", "Siberian husky", [], 1300),
        (4, "n01440764", "tench, Tinca tinca", [], 732), (5, "n02083346", "canine", [1, 3], 0)]

synsets = numpy.zeros((len(ROWS), 1), dtype=FIELDS)
for i, (number, wnid, words, children, images) in enumerate(ROWS):
    synsets[i, 0] = (float(number), wnid, words, "what " + words + " means", float(len(children)), numpy.array([children], float), 0.0, float(images))
folder = ROOT / "tests/data/images"
scipy.io.savemat(folder / "meta.mat", {"synsets": synsets}, do_compression=True)
scipy.io.savemat(folder / "meta_plain.mat", {"synsets": synsets, "other": numpy.arange(6, dtype=numpy.int16).reshape(2, 3)})
