#!/usr/bin/env python3
"""Times the training pipeline of ImageNet by Pillow and NumPy, and ours beside it, by turns.

    pip install pillow numpy
    scripts/peers/loader.py --data FOLDER                     # class folders of pictures in their own sizes
    scripts/peers/loader.py --data FOLDER --program build/cpu/bin/orchid --rounds 5 --json

For each picture: decoding, RandomResizedCrop to 224 with bilinear or bicubic at random, flip, RandAugment of two operations
of magnitude 9 (probability 0.5, deviation 0.5), floats normalised by channel, erasing with probability 0.25. Each side runs
in one thread and reads the files once beforehand. Times are of the processor (CPU seconds of the thread), so that other
programs on the machine disturb them little. Ratios are of the medians over rounds.
"""
import argparse
import io
import json
import math
import pathlib
import random
import statistics
import subprocess
import sys
import time

import numpy
import PIL
from PIL import Image, ImageEnhance, ImageOps, features

SIZE = 224
FILL = (124, 116, 104)
MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)
DEVIATION = numpy.array([0.229, 0.224, 0.225], numpy.float32)
SCALE, SHIFT = 1 / (255 * DEVIATION), -MEAN / DEVIATION
FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
OPERATIONS = ("auto_contrast", "equalize", "invert", "rotate", "posterize", "solarize", "solarize_add", "color", "contrast",
              "brightness", "sharpness", "shear_x", "shear_y", "translate_x", "translate_y")
ENHANCERS = {"color": ImageEnhance.Color, "contrast": ImageEnhance.Contrast, "brightness": ImageEnhance.Brightness,
             "sharpness": ImageEnhance.Sharpness}


def part_of(width, height, scale, ratio):
    """A random part, or nothing."""
    for _ in range(10):
        area = width * height * random.uniform(*scale)
        aspect = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return random.randint(0, width - w), random.randint(0, height - h), w, h
    return None


def changed(image, name):
    u = min(10.0, max(0.0, random.gauss(9, 0.5))) / 10
    signed = random.choice((-u, u))
    moved = {"resample": random.choice(FILTERS), "fillcolor": FILL}
    affine = {"shear_x": (1, 0.3 * signed, 0, 0, 1, 0), "shear_y": (1, 0, 0, 0.3 * signed, 1, 0),
              "translate_x": (1, 0, 0.45 * signed * SIZE, 0, 1, 0), "translate_y": (1, 0, 0, 0, 1, 0.45 * signed * SIZE)}
    if name in affine:
        return image.transform(image.size, Image.Transform.AFFINE, affine[name], **moved)
    if name in ENHANCERS:
        return ENHANCERS[name](image).enhance(max(0.1, 1 + 0.9 * signed))
    if name == "rotate":
        return image.rotate(30 * signed, **moved)
    if name == "solarize_add":
        return image.point([min(255, v + min(128, int(110 * u))) if v < 128 else v for v in range(256)] * 3)
    if name == "posterize":
        return ImageOps.posterize(image, max(1, 4 - int(4 * u)))
    if name == "solarize":
        return ImageOps.solarize(image, 256 - min(256, int(256 * u)))
    return {"auto_contrast": ImageOps.autocontrast, "equalize": ImageOps.equalize, "invert": ImageOps.invert}[name](image)


def decoded(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def prepared(image):
    x, y, w, h = part_of(*image.size, (0.08, 1), (3 / 4, 4 / 3)) or (0, 0, *image.size)
    image = image.crop((x, y, x + w, y + h)).resize((SIZE, SIZE), random.choice(FILTERS))
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for name in random.choices(OPERATIONS, k=2):
        if random.random() < 0.5:
            image = changed(image, name)
    values = numpy.array(image, numpy.float32)
    values *= SCALE
    values += SHIFT
    if random.random() < 0.25:
        part = part_of(SIZE, SIZE, (0.02, 1 / 3), (0.3, 1 / 0.3))
        if part:
            x, y, w, h = part
            values[y:y + h, x:x + w] = numpy.random.default_rng(random.getrandbits(32)).standard_normal((h, w, 3), numpy.float32)
    return values


def pillow_round(files, passes):
    decode = 0.0
    start = time.thread_time()
    for _ in range(passes):
        for data in files:
            before = time.thread_time()
            image = decoded(data)
            decode += time.thread_time() - before
            prepared(image)
    images = passes * len(files)
    return {"images_per_second": images / (time.thread_time() - start), "decode_ms": 1e3 * decode / images}


def our_round(options):
    command = [options.program, "data", "bench", options.data, "--passes", str(options.passes), "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--program", default="build/cpu/bin/orchid")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=4, help="over all pictures, each round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    files = [file.read_bytes() for file in sorted(pathlib.Path(options.data).rglob("*"))
             if file.suffix.lower() in (".jpeg", ".jpg", ".png")]
    if not files:
        sys.exit(f"{options.data}: no pictures in it")
    random.seed(0)
    pillow, ours = [], []
    for _ in range(options.rounds):
        pillow.append(pillow_round(files, options.passes))
        ours.append(our_round(options))
    rate = {name: statistics.median(one["images_per_second"] for one in rounds) for name, rounds in (("pillow", pillow), ("orchid", ours))}
    answer = {"pictures": len(files), "rounds": options.rounds, "pillow_version": PIL.__version__,
              "libjpeg_turbo": features.version("libjpeg_turbo"), "images_per_second": rate,
              "ratio": rate["orchid"] / rate["pillow"],
              "pillow_decode_ms": statistics.median(one["decode_ms"] for one in pillow),
              "orchid_rounds": [one["images_per_second"] for one in ours], "pillow_rounds": [one["images_per_second"] for one in pillow],
              "cores_for": {str(n): {name: n / one for name, one in rate.items()} for n in (3000, 5000)}}
    if options.json:
        print(json.dumps(answer, indent=2))
        return
    print(f"Pillow {PIL.__version__} (libjpeg-turbo {answer['libjpeg_turbo']}): {rate['pillow']:.1f} images/s a core")
    print(f"orchid: {rate['orchid']:.1f} images/s a core, {answer['ratio']:.2f} times as many")
    for n, cores in answer["cores_for"].items():
        print(f"{n} images/s: {cores['pillow']:.1f} cores of Pillow's, {cores['orchid']:.1f} of ours")


if __name__ == "__main__":
    main()
