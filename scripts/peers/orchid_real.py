"""The Orchid operator in PyTorch without complex numbers: what torch.compile can fuse.

The same parameters as OrchidLayer, another way to compute: sequences lie in the last dimension
(batch, width, length), where Fourier transforms want them, and spectra are pairs of real numbers.
The transforms are ops of their own that a compiler takes as they are.
"""
import torch
from torch.nn import functional as F

from orchid_layer import OrchidLayer

ADJOINT = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _pairs(length, inner, like):
    """1 for the bins that are their own conjugates, whose imaginary part is 0; `inner` for others."""
    weight = torch.full((length // 2 + 1, 2), inner, dtype=like.dtype, device=like.device)
    own = torch.tensor([1.0, 0.0], dtype=like.dtype, device=like.device)
    ends = [own[None], weight[1 : (length + 1) // 2]] + ([own[None]] if length % 2 == 0 else [])
    return torch.cat(ends)


def _forward(x, norm):
    return torch.view_as_real(torch.fft.rfft(x, norm=norm))


def _inverse(pairs, length, norm):
    return torch.fft.irfft(torch.view_as_complex(pairs), n=length, norm=norm)


custom_op = getattr(getattr(torch, "library", None), "custom_op", None)
if custom_op:

    @custom_op("orchid_peers::rfft", mutates_args=())
    def rfft(x: torch.Tensor, norm: str) -> torch.Tensor:
        """(..., length) to (..., bins, 2)."""
        return _forward(x.contiguous(), norm).contiguous()

    @custom_op("orchid_peers::irfft", mutates_args=())
    def irfft(pairs: torch.Tensor, length: int, norm: str) -> torch.Tensor:
        """(..., bins, 2) to (..., length); imaginary parts of the ends must be 0."""
        return _inverse(pairs.contiguous(), length, norm).contiguous()

    @rfft.register_fake
    def _(x, norm):
        return x.new_empty(x.shape[:-1] + (x.shape[-1] // 2 + 1, 2))

    @irfft.register_fake
    def _(pairs, length, norm):
        return pairs.new_empty(pairs.shape[:-2] + (length,))

    def _keep_forward(ctx, inputs, output):
        ctx.length, ctx.norm = inputs[0].shape[-1], inputs[1]

    def _keep_inverse(ctx, inputs, output):
        ctx.length, ctx.norm = inputs[1], inputs[2]

    def _back_forward(ctx, grad):
        return irfft(grad * _pairs(ctx.length, 0.5, grad), ctx.length, ADJOINT[ctx.norm]), None

    def _back_inverse(ctx, grad):
        return rfft(grad, ADJOINT[ctx.norm]) * _pairs(ctx.length, 2.0, grad), None, None

    rfft.register_autograd(_back_forward, setup_context=_keep_forward)
    irfft.register_autograd(_back_inverse, setup_context=_keep_inverse)

else:

    class _Rfft(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, norm):
            ctx.length, ctx.norm = x.shape[-1], norm
            return _forward(x, norm)

        @staticmethod
        def backward(ctx, grad):
            grad = grad * _pairs(ctx.length, 0.5, grad)
            return _inverse(grad, ctx.length, ADJOINT[ctx.norm]), None

    class _Irfft(torch.autograd.Function):
        @staticmethod
        def forward(ctx, pairs, length, norm):
            ctx.norm = norm
            return _inverse(pairs.contiguous(), length, norm)

        @staticmethod
        def backward(ctx, grad):
            pairs = _forward(grad, ADJOINT[ctx.norm])
            return pairs * _pairs(grad.shape[-1], 2.0, grad), None, None

    rfft, irfft = _Rfft.apply, _Irfft.apply


def _times(a, b):
    """The product of complex numbers as pairs."""
    real = a[..., 0] * b[..., 0] - a[..., 1] * b[..., 1]
    imag = a[..., 0] * b[..., 1] + a[..., 1] * b[..., 0]
    return torch.stack([real, imag], -1)


def grouped(x, conv, left):
    """The convolution of (batch, channels, length) as sums of shifted sequences."""
    groups, taps = conv.groups, conv.kernel_size[0]
    inputs, outputs = conv.in_channels // groups, conv.out_channels // groups
    batch, _, length = x.shape
    padded = F.pad(x, (left, taps - 1 - left)).view(batch, groups, inputs, length + taps - 1)
    weight = conv.weight.view(groups, outputs, inputs, taps)
    y = conv.bias.view(groups, outputs, 1)
    for i in range(inputs):
        for j in range(taps):
            y = y + weight[:, :, i, j, None] * padded[:, :, i, None, j : j + length]
    return y.reshape(batch, groups * outputs, length)


class RealOrchidLayer(OrchidLayer):
    """`fused`: short convolutions and norms as sums, which only a compiler makes fast."""

    def __init__(self, *args, fused=False, **options):
        super().__init__(*args, **options)
        self.fused = fused
        kind = self.transform.kind
        self.norm = {"fft": "forward", "fft_ortho": "ortho"}.get(kind, "backward")
        if kind == "dct_ortho":
            tables = torch.view_as_real(self.transform.table[..., 0])
            self.register_buffer("twiddles", tables, persistent=False)
        if self.transform.fourier or kind == "dct_ortho":
            mask = _pairs(self.transform.length, 1.0, torch.empty(0))
            self.register_buffer("own", mask, persistent=False)

    def spectrum_of(self, x):
        """(..., length) to (..., bins, 2), or (..., length) for a cosine transform."""
        x = x if self.transform.kind == "dct_ortho_bf16" else x.float()
        if self.transform.fourier:
            return rfft(x, self.norm)
        if self.transform.kind != "dct_ortho":
            return self.transform.product(x, self.transform.table.t())
        length = x.shape[-1]
        v = torch.cat([x[..., 0::2], x[..., 1::2].flip(-1)], -1)
        v = _times(rfft(v, self.norm), self.twiddles[0])
        return torch.cat([v[..., 0], -v[..., 1 : (length + 1) // 2, 1].flip(-1)], -1)

    def sequence_of(self, s):
        length = self.transform.length
        if self.transform.fourier:
            return irfft(s * self.own, length, self.norm)
        if self.transform.kind != "dct_ortho":
            return self.transform.product(s, self.transform.table)
        bins = length // 2 + 1
        imag = F.pad(-s[..., length - bins + 1 :].flip(-1), (1, 0))
        v = _times(torch.stack([s[..., :bins], imag], -1), self.twiddles[1]) * self.own
        v = irfft(v, length, self.norm)
        half = length // 2
        even, odd = v[..., : length - half], v[..., length - half :].flip(-1)
        y = torch.stack([even[..., :half], odd], -1).flatten(-2)
        return torch.cat([y, even[..., half:]], -1) if length % 2 else y

    def convolved(self, x, conv, left):
        if self.fused:
            return grouped(x, conv, left)
        pad = max(left, conv.kernel_size[0] - 1 - left)
        return F.conv1d(x, conv.weight, conv.bias, 1, pad, 1, conv.groups)[..., : x.shape[-1]]

    def conditioned(self, x, stack):
        """A short convolution and the norm over its channels, which are the second dimension."""
        y = self.convolved(x, stack.convolution, (stack.convolution.kernel_size[0] - 1) // 2)
        norm = stack.norm
        if not self.fused:
            return norm(y.transpose(1, 2)).transpose(1, 2)
        y = y.float()
        y = y - y.mean(1, keepdim=True)
        y = y * torch.rsqrt(y.square().mean(1, keepdim=True) + norm.eps)
        return y * norm.weight[:, None] + norm.bias[:, None]

    def adaptive_kernel(self, v):
        fourier = self.transform.fourier
        if self.kernel == "phase":
            s = self.spectrum_of(self.conditioned(v, self.time))
            if not fourier:
                return self.conditioned(s.abs(), self.spectrum)
            y = self.conditioned(s.square().sum(-1), self.spectrum)
            return y.unflatten(1, (self.width, 2)).transpose(2, 3)
        k = self.spectrum_of(self.conditioned(v, self.key))
        q = self.spectrum_of(self.conditioned(v, self.query))
        if not fourier:
            return self.conditioned(k * q, self.spectrum)
        real = k[..., 0] * q[..., 0] + k[..., 1] * q[..., 1]
        imag = k[..., 0] * q[..., 1] - k[..., 1] * q[..., 0]
        y = self.conditioned(torch.cat([real, imag], 1), self.spectrum)
        return y.unflatten(1, (2, self.width)).permute(0, 2, 3, 1)

    def convolve(self, u, spectrum, skip):
        product = _times if self.transform.fourier else torch.mul
        u = u.float()
        return self.sequence_of(product(self.spectrum_of(u), spectrum)) + u * skip[:, None]

    def forward(self, x):
        projected = self.project_in(x).transpose(1, 2)
        adaptive = self.adaptive_kernel(projected[:, 2 * self.width :])
        gates = self.convolved(projected, self.short, self.short.kernel_size[0] - 1)
        gate_out, gate_in, value = gates.split(self.width, dim=1)
        static = self.spectrum_of(self.filter().t())
        y = self.convolve(value * gate_in, static + adaptive, self.filter.skip)
        residual = self.spectrum_of(self.residual_filter().t())
        y = y * gate_out + self.convolve(x.transpose(1, 2), residual, self.residual_filter.skip)
        return self.project_out(y.transpose(1, 2))
