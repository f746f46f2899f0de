"""Loss curves: how far two lie apart, and a picture of all."""

COLOURS = ("#222222", "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#17becf")
DASHES = ("", "7 3", "2 3", "9 3 2 3")


def compare(first, second):
    """Differences of the losses of two runs, step by step."""
    a, b = first["losses"], second["losses"]
    steps = min(len(a), len(b))
    apart = [abs(x - y) if x is not None and y is not None else float("nan")
             for x, y in zip(a, b)]
    unequal = [i + 1 for i in range(steps) if a[i] != b[i]]
    digests = (first["parameters_sha256"], second["parameters_sha256"])
    tenth = apart[-max(1, steps // 10):] if apart else []
    largest = max(apart, key=lambda d: d if d == d else float("inf"), default=None)
    return {"runs": [first["run"], second["run"]], "steps": steps,
            "same_bits": bool(steps) and len(a) == len(b) and not unequal
            and digests[0] == digests[1] and digests[0] is not None,
            "same_parameters": digests[0] == digests[1] and digests[0] is not None,
            "first_difference": unequal[0] if unequal else None, "largest": largest,
            "at_step": apart.index(largest) + 1 if apart else None,
            "mean": sum(apart) / steps if steps else None,
            "last_tenth": sum(tenth) / len(tenth) if tenth else None}


def svg(curves, title, width=900, height=480):
    """Curves of losses over steps, one over another."""
    left, right, top, bottom = 56, width - 230, 36, height - 40
    values = [v for losses in curves.values() for v in losses if v is not None and v == v]
    steps = max((len(losses) for losses in curves.values()), default=0)
    if not values or steps < 2:
        return '<svg xmlns="http://www.w3.org/2000/svg"/>\n'
    low, high = min(values), max(values)
    high = high if high > low else low + 1

    def at(step, value):
        x = left + (right - left) * step / (steps - 1)
        return f"{x:.1f},{bottom - (bottom - top) * (value - low) / (high - low):.1f}"

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{left}" y="20" font-size="14">{title}</text>']
    for i in range(6):
        value = low + (high - low) * i / 5
        y = bottom - (bottom - top) * i / 5
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#ddd"/>'
                     f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
        step = round((steps - 1) * i / 5)
        x = at(step, low).split(",")[0]
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{step + 1}</text>')
    for i, (name, losses) in enumerate(curves.items()):
        points = " ".join(at(step, v) for step, v in enumerate(losses) if v is not None and v == v)
        style = (f'stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="1.5" fill="none" '
                 f'stroke-dasharray="{DASHES[i % len(DASHES)]}"')
        y = top + 16 + 20 * i
        parts.append(f'<polyline points="{points}" {style}/>'
                     f'<path d="M{right + 12} {y - 4}h28" {style}/>'
                     f'<text x="{right + 46}" y="{y}">{name}</text>')
    return "\n".join(parts) + "\n</svg>\n"
