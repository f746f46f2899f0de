"""Times of a piece of work, as `orchid bench` takes them."""
import time

import torch

SWEEP_BYTES = 256 << 20  # beyond the L2 cache of a GPU


def quantile(times, fraction):
    times = sorted(times)
    return times[int(fraction * (len(times) - 1) + 0.5)]


def summary(times):
    return {"median_ms": round(quantile(times, 0.5), 5), "p10_ms": round(quantile(times, 0.1), 5),
            "p90_ms": round(quantile(times, 0.9), 5), "repeats": len(times)}


class Clock:
    """On CUDA: events, 20 runs to warm up, 50 or more timed, the L2 cache swept before each."""

    def __init__(self, device, seconds=1.5):
        self.cuda, self.seconds = device == "cuda", seconds
        self.least, self.warmup = (50, 20) if self.cuda else (20, 3)
        self.sweep = torch.empty(SWEEP_BYTES, dtype=torch.uint8, device=device) if self.cuda else None

    def reset_peak(self):
        if self.cuda:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak_bytes(self):
        """Highest use of the device's memory by tensors; on the CPU nobody counts it."""
        return torch.cuda.max_memory_allocated() - SWEEP_BYTES if self.cuda else None

    def once(self, work):
        """Milliseconds of one run."""
        if not self.cuda:
            start = time.perf_counter()
            work()
            return 1e3 * (time.perf_counter() - start)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.sweep.zero_()
        begin.record()
        work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end)

    def measure(self, work):
        for _ in range(self.warmup):
            work()
        times, begin = [], time.perf_counter()
        while len(times) < 1000 and (len(times) < self.least
                                     or time.perf_counter() - begin < self.seconds):
            times.append(self.once(work))
        return summary(times)

    def rates(self, precision):
        """What this PyTorch reaches: a copy in GB/s, read and written, and a product in GFLOP/s."""
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        device = "cuda" if self.cuda else "cpu"
        n = 8192 if self.cuda else 512
        a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
        x = torch.randn((4 if self.cuda else 1) * n, n, device=device)
        y = torch.empty_like(x)
        copy = self.measure(lambda: y.copy_(x))["median_ms"]
        product = self.measure(lambda: torch.mm(a, b))["median_ms"]
        return {"copy_gb_s": round(8e-6 * x.numel() / copy, 1),
                "gemm_gflop_s": round(2e-6 * n**3 / product, 1)}
