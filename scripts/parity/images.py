#!/usr/bin/env python3
"""Compares pictures decoded, resized and changed by data/image with what Pillow makes of them.

    pip install pillow numpy
    scripts/parity/images.py --data DIRECTORY       # that holds imagenet_samples, imagenette224, odd_images
    scripts/parity/images.py --data DIRECTORY --write

Asks the test that answers requests, of the program given, for each picture and step, and exits with 1
if a result is further off than allowed. With --write it makes the files of tests/data/images anew: small
JPEGs of a smooth picture, and tables of what Pillow found, which the tests always read.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import zlib

import numpy
from PIL import Image, ImageEnhance, ImageFile, ImageOps

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILTERS = {"box": Image.Resampling.BOX, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
FILL = (124, 116, 104)
ImageFile.LOAD_TRUNCATED_IMAGES = True


def opened(file):
    """As RGB. Pillow cuts 16-bit gray off at 255; ours keeps the upper 8 bits, as it does itself for color."""
    with Image.open(file) as image:
        if image.mode.startswith("I"):
            return Image.fromarray((numpy.array(image) >> 8).astype(numpy.uint8)).convert("RGB")
        return image.convert("RGB")


def resized(image, size, filter_name, box=None):
    """Rows first, as Pillow did before it sometimes began with columns: that differs in the last bit."""
    left, top, right, bottom = box or (0, 0, *image.size)
    rows = image.resize((size[0], image.height), FILTERS[filter_name], box=(left, 0, right, image.height))
    return rows.resize(size, FILTERS[filter_name], box=(0, top, size[0], bottom))


def evaluation(image, filter_name, shorter, size):
    least = min(image.size)
    sides = [int(shorter * side / least) for side in image.size]
    x, y = (int(round((side - size) / 2.0)) for side in sides)
    return resized(image, sides, filter_name).crop((x, y, x + size, y + size))


def shifted(image, x, y):
    pixels = numpy.array(image)
    n = max(abs(x), abs(y))
    padded = numpy.pad(pixels, ((n, n), (n, n), (0, 0)), mode="symmetric")
    return Image.fromarray(padded[n + y:n + y + image.height, n + x:n + x + image.width])


def changed(image, name, argument, filter_name):
    """An operation of RandAugment with its argument."""
    moved = {"resample": FILTERS[filter_name], "fillcolor": FILL}
    affine = {"shear_x": (1, argument, 0, 0, 1, 0), "shear_y": (1, 0, 0, argument, 1, 0),
              "translate_x": (1, 0, argument * image.width, 0, 1, 0),
              "translate_y": (1, 0, 0, 0, 1, argument * image.height)}
    enhancers = {"color": ImageEnhance.Color, "contrast": ImageEnhance.Contrast,
                 "brightness": ImageEnhance.Brightness, "sharpness": ImageEnhance.Sharpness}
    if name in affine:
        return image.transform(image.size, Image.Transform.AFFINE, affine[name], **moved)
    if name in enhancers:
        return enhancers[name](image).enhance(argument)
    if name == "rotate":
        return image.rotate(argument, **moved)
    if name == "solarize_add":
        return image.point([min(255, v + int(argument)) if v < 128 else v for v in range(256)] * 3)
    if name == "posterize" and argument < 1:  # an error in newer Pillow
        return image.point(lambda _: 0)
    if name in ("posterize", "solarize"):
        return getattr(ImageOps, name)(image, int(argument))
    return {"auto_contrast": ImageOps.autocontrast, "equalize": ImageOps.equalize, "invert": ImageOps.invert}[name](image)


def done(image, step):
    what, *words = step.split()
    if what == "decode":
        return image
    if what == "flip":
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if what == "resize":
        box = tuple(float(word) for word in words[1:5])
        return resized(image, (int(words[5]), int(words[6])), words[0], box)
    if what == "evaluation":
        return evaluation(image, words[0], int(words[1]), int(words[2]))
    if what == "shifted":
        return shifted(image, int(words[0]), int(words[1]))
    return changed(image, what, float(words[0]), words[1])


def magnitude_steps(magnitudes):
    """Every operation at these magnitudes, both ways and with both filters where that differs."""
    steps = [f"{name} 0 bilinear" for name in ("auto_contrast", "equalize", "invert")]
    for m in magnitudes:
        u = m / 10
        steps += [f"posterize {4 - int(4 * u)} bilinear", f"solarize {256 - min(256, int(256 * u))} bilinear",
                  f"solarize_add {min(128, int(110 * u))} bilinear"]
        for sign in (1, -1):
            steps += [f"{name} {max(0.1, 1 + sign * 0.9 * u)!r} bilinear"
                      for name in ("color", "contrast", "brightness", "sharpness")]
            for filter_name in ("bilinear", "bicubic"):
                steps += [f"{name} {sign * scale * u!r} {filter_name}" for name, scale in
                          (("rotate", 30), ("shear_x", 0.3), ("shear_y", 0.3), ("translate_x", 0.45), ("translate_y", 0.45))]
    return list(dict.fromkeys(steps))


def resize_steps(width, height):
    """Up, down, of parts with broken edges, to one pixel and as for evaluation."""
    steps = []
    for filter_name in FILTERS:
        boxes = [(0, 0, width, height), (width * 0.13, height * 0.21, width * 0.77, height * 0.9), (3, 2, width - 1, height - 2)]
        steps += [f"resize {filter_name} {' '.join(map(str, box))} {w} {h}" for box in boxes
                  for w, h in ((224, 224), (17, 31), (1, 1), (width, 9), (2 * width, 2 * height))]
    return steps + ["evaluation bicubic 40 32", "evaluation bilinear 31 24", "flip"]


def noise(width, height):
    """The pictures of tests/data/image_fixtures.h."""
    state, values = 12345, []
    for _ in range(3 * width * height):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(state >> 24)
    return numpy.array(values, numpy.uint8).reshape(height, width, 3)


def dull(width, height):
    return (40 + noise(width, height).astype(int) * [3, 2, 1] // 5).astype(numpy.uint8)


def write_small(folder):
    """A smooth picture as JPEGs of many kinds."""
    x, y = numpy.meshgrid(numpy.arange(45), numpy.arange(27))
    pixels = numpy.stack([40 + 3 * x + y, 30 + x + 4 * y, 150 - 2 * x + 2 * y], -1).astype(numpy.uint8)
    kinds = {"ycc444": {"subsampling": 0}, "ycc422": {"subsampling": 1}, "ycc420": {"subsampling": 2},
             "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 2}, "rgb": {"keep_rgb": True}}
    for name, options in kinds.items():
        Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=95, **options)
    Image.fromarray(pixels[:, :, 0]).save(folder / "gray.jpg", quality=95)
    for name, black in (("cmyk", 0), ("cmyk_black", 100)):
        ink = numpy.concatenate([255 - pixels, numpy.full((27, 45, 1), black, numpy.uint8)], -1)
        Image.fromarray(ink, "CMYK").save(folder / f"{name}.jpg", quality=95)


def checksum(image):
    return format(zlib.crc32(image.tobytes()), "x")


def write_tables(folder, files, data):
    lines = ["# picture, step, checksum (CRC-32) of Pillow's result"]
    for name, image in (("noise", Image.fromarray(noise(61, 47))), ("dull", Image.fromarray(dull(48, 33)))):
        steps = magnitude_steps([3, 9, 10]) + resize_steps(*image.size) + ["shifted -4 3", "shifted 2 -4"]
        lines += [f"{name}\t{step}\t{checksum(done(image, step))}" for step in steps]
    (folder / "pillow.txt").write_text("\n".join(lines) + "\n")
    lines = ["# file, width, height, checksum (CRC-32; PNG alone), means of red, green, blue, by Pillow"]
    for file in files:
        if "broken" in file.parts:
            continue
        image = opened(file)
        is_png = file.read_bytes().startswith(b"\x89PNG")
        means = numpy.array(image).reshape(-1, 3).mean(0)
        lines.append("\t".join([str(file.relative_to(data)), str(image.width), str(image.height),
                                checksum(image) if is_png else "-", *(f"{mean:.2f}" for mean in means)]))
    (folder / "real.txt").write_text("\n".join(lines) + "\n")


def answers(program, requests, folder):
    """What the program makes of each (file, step): pixels, or the text of its refusal."""
    lines = [f"{folder / str(i)}\t{file}\t{step}" for i, (file, step) in enumerate(requests)]
    (folder / "requests").write_text("\n".join(lines) + "\n")
    environment = dict(os.environ, ORCHID_IMAGES=str(folder / "requests"))
    subprocess.run([program, "[image_parity]"], env=environment, check=True, stdout=subprocess.DEVNULL)
    for i in range(len(requests)):
        head, _, pixels = (folder / str(i)).read_bytes().partition(b"\n")
        (folder / str(i)).unlink()
        words = head.decode().split(" ", 2)
        yield (head.decode() if words[0] == "refused"
               else numpy.frombuffer(pixels, numpy.uint8).reshape(int(words[1]), int(words[0]), 3))


def compare(title, requests, program, folder, allowed, source=opened):
    """Prints a line for each request that is further off than `allowed` (mean, most), and a sum."""
    equal = bad = 0
    worst = (0.0, 0)
    for (file, step), got in zip(requests, answers(program, requests, folder)):
        try:
            expected = numpy.array(done(source(file), step))
        except (OSError, SyntaxError, ValueError) as error:
            expected = f"refused {error}"
        if isinstance(got, str) or isinstance(expected, str):
            print(f"  {file.name}: ours {got if isinstance(got, str) else got.shape}, "
                  f"Pillow's {expected if isinstance(expected, str) else expected.shape}")
            bad += "broken" not in file.parts
            continue
        if got.shape != expected.shape:
            print(f"  {file.name}: {step}: ours {got.shape}, Pillow's {expected.shape}")
            bad += 1
            continue
        difference = numpy.abs(got.astype(int) - expected)
        here = (float(difference.mean()), int(difference.max()))
        equal += here[1] == 0
        worst = max(worst, here)
        if here[0] > allowed[0] or here[1] > allowed[1]:
            print(f"  {file.name}: {step}: mean difference {here[0]:.3f}, largest {here[1]}")
            bad += 1
    print(f"{title}: {len(requests)} compared, {equal} equal, worst mean difference {worst[0]:.4f} (largest {worst[1]}), {bad} too far off")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--program", default=ROOT / "build/cpu/bin/test_data")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    data = options.data.resolve()
    odd = sorted(file for file in (data / "odd_images").rglob("*") if file.is_file())
    photos = sorted((data / "imagenet_samples").rglob("*.JPEG"))
    small = sorted((data / "imagenette224").rglob("*.JPEG"))[::19]
    if options.write:
        folder = ROOT / "tests/data/images"
        write_small(folder)
        write_tables(folder, odd + photos, data)
        print(f"{folder}: written")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pngs = [file for file in odd if file.read_bytes().startswith(b"\x89PNG")]
        jpegs = [file for file in odd if file not in pngs] + photos + small
        bad = compare("PNG decoded", [(file, "decode") for file in pngs], options.program, folder, (0, 0))
        bad += compare("JPEG decoded", [(file, "decode") for file in jpegs], options.program, folder, (2, 255))
        lossless = []  # so that both start from the same pixels
        for file in [file for file in photos if max(opened(file).size) <= 600][::4]:
            lossless.append(folder / f"{file.stem}.png")
            opened(file).save(lossless[-1], compress_level=1)
        sizes = {file: opened(file).size for file in lossless}
        resizes = [(file, step) for file in lossless for step in resize_steps(*sizes[file])]
        resizes += [(file, "evaluation bicubic 248 224") for file in lossless]
        bad += compare("resized", resizes, options.program, folder, (1, 1))
        changes = [(file, step) for file in lossless[:6] for step in magnitude_steps([1, 5, 8.4, 9, 9.7, 10])]
        bad += compare("changed", changes, options.program, folder, (1, 1))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
