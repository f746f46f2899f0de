"""BERT-style masked language models in PyTorch: Orchid-BERT, and BERT with attention.

Orchid-BERT is the model of configs/mlm/orchid_bert_base.json: the mixer has no residual and no norm of
its own, a gated block-diagonal MLP and one norm after its residual follow. AttentionBert is BERT-base
itself: attention and a dense MLP, a residual and a norm after each.
"""
import torch
from torch import nn
from torch.nn import functional as F

EPSILON = 1e-12


class BlockLinear(nn.Module):
    """A block-diagonal product: (tokens, inputs) to (tokens, outputs)."""

    def __init__(self, inputs, outputs, blocks, bias):
        super().__init__()
        bound = (blocks / inputs) ** 0.5
        weight = torch.empty(blocks, inputs // blocks, outputs // blocks).uniform_(-bound, bound)
        self.weight, self.blocks = nn.Parameter(weight), blocks
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x):
        parts = x.unflatten(-1, (self.blocks, -1)).transpose(0, 1)
        y = torch.bmm(parts, self.weight).transpose(0, 1).flatten(-2)
        return y if self.bias is None else y + self.bias


class OrchidBlock(nn.Module):
    def __init__(self, width, mixer, dropout, blocks=4, expansion=4):
        super().__init__()
        self.mixer, inner = mixer, expansion * width
        self.gate = BlockLinear(width, 2 * inner, blocks, bias=False)
        self.out = BlockLinear(inner, width, blocks, bias=True)
        self.norm, self.dropout = nn.LayerNorm(width, EPSILON), nn.Dropout(dropout)

    def forward(self, x):
        a = self.mixer(x)
        gate, value = self.gate(a.flatten(0, 1)).chunk(2, dim=-1)
        y = self.out(self.dropout(F.gelu(gate) * value))
        return self.norm(y.view_as(a) + a)


class Attention(nn.Module):
    """Not causal, heads of 64."""

    def __init__(self, width):
        super().__init__()
        self.heads = width // 64
        self.project_in, self.project_out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = (part.unflatten(-1, (self.heads, 64)).transpose(1, 2)
                   for part in self.project_in(x).chunk(3, dim=-1))
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = torch.softmax(q @ k.transpose(-1, -2) / 8, dim=-1) @ v
        return self.project_out(y.transpose(1, 2).flatten(-2))


class AttentionBlock(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.attention = Attention(width)
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width, EPSILON) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.norms[0](x + self.dropout(self.attention(x)))
        y = self.outer(F.gelu(self.inner(x)))
        return self.norms[1](x + self.dropout(y))


class Bert(nn.Module):
    """Embeddings, blocks, and the loss of the masked positions; the word table is tied."""

    def __init__(self, blocks, width, length, vocabulary, dropout=0.1):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(length, width)
        self.segments = nn.Embedding(2, width)
        self.norm, self.dropout = nn.LayerNorm(width, EPSILON), nn.Dropout(dropout)
        self.blocks = nn.ModuleList(blocks)
        self.head, self.head_norm = nn.Linear(width, width), nn.LayerNorm(width, EPSILON)
        self.head_bias = nn.Parameter(torch.zeros(vocabulary))
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, 0, 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, tokens, positions, targets):
        x = self.words(tokens) + self.positions.weight + self.segments.weight[0]
        x = self.dropout(self.norm(x))
        for block in self.blocks:
            x = block(x)
        x = self.head_norm(F.gelu(self.head(x.flatten(0, 1)[positions])))
        logits = F.linear(x, self.words.weight, self.head_bias.to(x.dtype))
        return F.cross_entropy(logits.float(), targets)


def make(model, layer, width, length, layers, vocabulary=30528, dropout=0.1):
    """`layer()` makes a mixer; only the Orchid model asks for it."""
    if model == "attention":
        blocks = [AttentionBlock(width, dropout) for _ in range(layers)]
    else:
        blocks = [OrchidBlock(width, layer(), dropout) for _ in range(layers)]
    return Bert(blocks, width, length, vocabulary, dropout)
