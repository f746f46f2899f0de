"""The Orchid operator in PyTorch, a peer to measure ours against.

Written from the definition of the operator for speed: activations stay (batch, length, width), the
transforms run along the length in place, the short convolutions take the channels-last kernels, and
each transform has its own adjoint (PyTorch's gradient of a real transform is a complex one of full
length). Works with PyTorch 1.13 and later, on the CPU and on CUDA. Under autocast to bf16, transforms
and static filters stay in float32; the dense cosine transform `dct_ortho_bf16` does not.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

TRANSFORMS = ("fft", "fft_ortho", "dct_ortho", "dct_ortho_dense", "dct_ortho_bf16")
KERNELS = ("phase", "correlation")


class _RealToSpectrum(torch.autograd.Function):
    """rfft along the length; its adjoint is irfft of the spectrum with the paired bins halved."""

    @staticmethod
    def forward(ctx, x, norm, adjoint_norm):
        ctx.length, ctx.norm = x.size(-2), adjoint_norm
        return torch.fft.rfft(x, dim=-2, norm=norm)

    @staticmethod
    def backward(ctx, grad):
        grad = _real_ends(grad * _pair_weight(ctx.length, 0.5, grad), ctx.length)
        return torch.fft.irfft(grad, n=ctx.length, dim=-2, norm=ctx.norm), None, None


class _SpectrumToReal(torch.autograd.Function):
    """irfft along the length; its adjoint is rfft with the paired bins doubled."""

    @staticmethod
    def forward(ctx, spectrum, length, norm, adjoint_norm):
        ctx.length, ctx.norm = length, adjoint_norm
        spectrum = _real_ends(spectrum, length)
        return torch.fft.irfft(spectrum, n=length, dim=-2, norm=norm)

    @staticmethod
    def backward(ctx, grad):
        spectrum = torch.fft.rfft(grad, dim=-2, norm=ctx.norm)
        return spectrum * _pair_weight(ctx.length, 2.0, spectrum), None, None, None


def _real_ends(spectrum, length):
    """Imaginary parts that count for nothing become 0, in place: cuFFT does not ignore them."""
    if spectrum.is_cuda:
        spectrum[..., 0, :].imag.zero_()
        if length % 2 == 0:
            spectrum[..., -1, :].imag.zero_()
    return spectrum


def _pair_weight(length, value, like):
    """1 for the bins that are their own conjugates, `value` for the others; a column."""
    weight = torch.full((length // 2 + 1, 1), value, dtype=like.real.dtype, device=like.device)
    weight[0] = 1
    if length % 2 == 0:
        weight[-1] = 1
    return weight


def _dct(x, twiddle):
    """Orthonormal DCT-II along the length through one real FFT of the same length."""
    length = x.size(-2)
    v = torch.cat([x[..., 0::2, :], x[..., 1::2, :].flip(-2)], dim=-2)
    v = torch.fft.rfft(v, dim=-2) * twiddle
    return torch.cat([v.real, -v.imag[..., 1 : (length + 1) // 2, :].flip(-2)], dim=-2)


def _inverse_dct(x, untwiddle):
    length, bins = x.size(-2), x.size(-2) // 2 + 1
    imag = torch.zeros_like(x[..., :bins, :])
    if length > 1:
        torch.neg(x[..., length - bins + 1 :, :].flip(-2), out=imag[..., 1:, :])
    v = torch.fft.irfft(torch.complex(x[..., :bins, :], imag) * untwiddle, n=length, dim=-2)
    out = torch.empty_like(x)
    out[..., 0::2, :] = v[..., : (length + 1) // 2, :]
    out[..., 1::2, :] = v[..., (length + 1) // 2 :, :].flip(-2)
    return out


class _Dct(torch.autograd.Function):
    """Orthonormal, so the adjoint is the inverse."""

    @staticmethod
    def forward(ctx, x, tables, inverse):
        ctx.tables, ctx.inverse = tables, inverse
        return _inverse_dct(x, tables[1]) if inverse else _dct(x, tables[0])

    @staticmethod
    def backward(ctx, grad):
        tables = ctx.tables
        return _dct(grad, tables[0]) if ctx.inverse else _inverse_dct(grad, tables[1]), None, None


class Transform(nn.Module):
    """A transform along the length of (..., length, width), and its inverse."""

    def __init__(self, kind, length):
        super().__init__()
        if kind not in TRANSFORMS:
            raise ValueError(f"transform must be one of {', '.join(TRANSFORMS)}, not {kind}")
        self.kind, self.length, self.fourier = kind, length, kind.startswith("fft")
        k = torch.arange(length, dtype=torch.float64)
        scale = torch.full_like(k, math.sqrt(2 / length))
        scale[0] = math.sqrt(1 / length)
        if kind == "dct_ortho":
            bins = length // 2 + 1
            table = torch.polar(scale[:bins], -math.pi / (2 * length) * k[:bins])
            tables = torch.stack([table, 1 / table])[..., None]
            self.register_buffer("table", tables.to(torch.complex64), persistent=False)
        elif kind in ("dct_ortho_dense", "dct_ortho_bf16"):
            angle = math.pi / (2 * length) * k[:, None] * (2 * k[None, :] + 1)
            table = scale[:, None] * torch.cos(angle)
            self.register_buffer("table", table.to(torch.float32), persistent=False)

    def product(self, a, b):
        """Of a dense transform: in float32, or what autocast makes of it."""
        with torch.autocast(a.device.type, enabled=self.kind == "dct_ortho_bf16"):
            return a @ b

    def forward(self, x):
        x = x if self.kind == "dct_ortho_bf16" else x.float()
        if self.kind == "fft":
            return _RealToSpectrum.apply(x, "forward", "backward")
        if self.kind == "fft_ortho":
            return _RealToSpectrum.apply(x, "ortho", "ortho")
        if self.kind == "dct_ortho":
            return _Dct.apply(x, self.table, False)
        return self.product(self.table, x)

    def inverse(self, spectrum):
        if self.kind == "fft":
            return _SpectrumToReal.apply(spectrum, self.length, "forward", "backward")
        if self.kind == "fft_ortho":
            return _SpectrumToReal.apply(spectrum, self.length, "ortho", "ortho")
        if self.kind == "dct_ortho":
            return _Dct.apply(spectrum, self.table, True)
        return self.product(self.table.t(), spectrum)


class ShortConvolution(nn.Conv1d):
    """A grouped convolution of a few taps along the length of (batch, length, channels)."""

    def __init__(self, inputs, outputs, taps, groups, causal=False):
        super().__init__(inputs, outputs, taps, groups=groups)
        self.causal = causal

    def forward(self, x):
        length, taps = x.size(1), self.kernel_size[0]
        pad = taps - 1 if self.causal else (taps - 1) // 2
        image = x.transpose(1, 2).unsqueeze(2)  # (batch, channels, 1, length), channels last
        y = F.conv2d(image, self.weight.unsqueeze(2), self.bias, 1, (0, pad), 1, self.groups)
        y = y.squeeze(2).transpose(1, 2)
        return y[:, :length] if y.size(1) > length else y


class ConvolutionNorm(nn.Module):
    """A short convolution and a LayerNorm over all its outputs."""

    def __init__(self, inputs, outputs, taps, groups):
        super().__init__()
        self.convolution = ShortConvolution(inputs, outputs, taps, groups)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x):
        return self.norm(self.convolution(x))


class StaticFilter(nn.Module):
    """The filter that no input changes: sine layers over positions, under a decaying window."""

    def __init__(self, channels, length, features, width, inner_layers, frequency):
        super().__init__()
        time = torch.linspace(0, 1, length)[:, None]
        bands = (features - 1) // 2
        angle = torch.linspace(1e-4, bands - 1, bands) * (2 * math.pi / length)
        angle = torch.arange(length)[:, None] * angle
        self.positions = nn.Parameter(torch.cat([time, torch.cos(angle), -torch.sin(angle)], 1))
        sizes = [features] + [width] * (inner_layers + 1)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.last = nn.Linear(width, channels, bias=False)
        self.frequency = nn.Parameter(torch.full((width,), float(frequency)))
        self.skip = nn.Parameter(torch.randn(channels))
        decay = torch.linspace(math.log(0.01) / 1.5, math.log(0.01) / 0.3, channels).abs()
        self.register_buffer("window", torch.exp(-time * decay))

    def forward(self):
        z = self.positions
        with torch.autocast(z.device.type, enabled=False):
            for layer in self.layers:
                z = torch.sin(self.frequency * layer(z))
            return self.last(z) * self.window


class OrchidLayer(nn.Module):
    """Order 2: gate, convolution with a kernel of the input, gate, residual convolution."""

    def __init__(self, width, length, transform="dct_ortho", kernel="phase", short_conv=3,
                 conditioning_width=3, features=5, filter_width=64, inner_layers=2, frequency=10):
        super().__init__()
        if kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, not {kernel}")
        self.width, self.kernel = width, kernel
        self.transform = Transform(transform, length)
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)
        self.short = ShortConvolution(3 * width, 3 * width, short_conv, 3 * width, causal=True)
        filter_sizes = (width, length, features, filter_width, inner_layers, frequency)
        self.filter = StaticFilter(*filter_sizes)
        self.residual_filter = StaticFilter(*filter_sizes)
        taps, doubled = conditioning_width, 2 if self.transform.fourier else 1
        if kernel == "phase":
            self.time = ConvolutionNorm(width, width, taps, width)
            self.spectrum = ConvolutionNorm(width, doubled * width, taps, width)
        else:
            self.key = ConvolutionNorm(width, width, taps, width)
            self.query = ConvolutionNorm(width, width, taps, width)
            self.spectrum = ConvolutionNorm(doubled * width, doubled * width, taps, width)

    def adaptive_kernel(self, v):
        """The spectrum of the kernel that belongs to each sample."""
        if self.kernel == "phase":
            s = self.transform(self.time(v))
            if not self.transform.fourier:
                return self.spectrum(s.abs())
            out = self.spectrum(torch.view_as_real(s).square().sum(-1))
            return torch.view_as_complex(out.unflatten(-1, (self.width, 2)))
        s = self.transform(self.key(v)).conj() * self.transform(self.query(v))
        if not self.transform.fourier:
            return self.spectrum(s)
        out = self.spectrum(torch.cat([s.real, s.imag], dim=-1))
        return torch.complex(out[..., : self.width], out[..., self.width :])

    def convolve(self, u, spectrum, skip):
        return torch.addcmul(self.transform.inverse(self.transform(u) * spectrum), u, skip)

    def forward(self, x):
        projected = self.project_in(x)
        adaptive = self.adaptive_kernel(projected[..., 2 * self.width :])
        gate_out, gate_in, value = self.short(projected).split(self.width, dim=-1)
        static = self.transform(self.filter())
        y = self.convolve(value * gate_in, static + adaptive, self.filter.skip)
        residual = self.transform(self.residual_filter())
        y = y * gate_out + self.convolve(x, residual, self.residual_filter.skip)
        return self.project_out(y)
