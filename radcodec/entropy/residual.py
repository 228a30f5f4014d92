"""proto"""
from __future__ import annotations
import numpy as np
from radcodec.entropy.rangecoder import SPARE_BYTES, finish, new_decoder, new_encoder, taken
from radcodec.entropy.residual_bits import *
from radcodec.entropy.residual_bits import code_bit, code_number
from radcodec.entropy.compiled import compiled
from radcodec.entropy.residual_fit import fit
from radcodec.entropy.residual_walk import *
from radcodec.entropy.residual_walk import MOST_BITS, padded, walk, CONTEXTS

@compiled
def code_weights(coder, data, contexts, weights, encoding):
    groups, count = weights.shape
    for g in range(groups):
        changed = 0
        for k in range(count):
            before = weights[g-1, k] if g > 0 else 0
            if weights[g, k] != before:
                changed = 1
        changed = code_bit(coder, data, contexts, 0, changed, encoding)
        for k in range(count):
            before = weights[g-1, k] if g > 0 else 0
            if changed == 0:
                weights[g, k] = before
                continue
            d = weights[g, k] - before
            if code_bit(coder, data, contexts, 1, 1 if d != 0 else 0, encoding) == 0:
                weights[g, k] = before
                continue
            neg = code_bit(coder, data, contexts, 2, 1 if d < 0 else 0, encoding)
            m = code_number(coder, data, contexts, 3, abs(d), encoding)
            weights[g, k] = min(max(before + (-m if neg else m), -4096), 4096)

def flat(cols):
    wide = cols + 2 * PAD
    return (np.array([r * wide + c for r, c in NEIGHBOURS]), np.array([r * wide + c for r, c in AROUND]))

def encode_residual(stored, base, background, step, low, high):
    values = np.array(stored, dtype=np.int32, order="C")
    known = np.ascontiguousarray(background)
    off, aro = flat(values.shape[1])
    hb = base is not None
    b = padded(np.ascontiguousarray(base), known, 1).reshape(-1) if hb else np.zeros(1, np.int32)
    w = fit(padded(values, known, 0).reshape(-1), known, b, hb, off, aro)
    out = np.empty(int((~known).sum()) * MOST_BITS * 2 + SPARE_BYTES + 40 * 30 * 50, dtype=np.uint8)
    coder = new_encoder()
    code_weights(coder, out, new_contexts(3 + NUMBER_CONTEXTS), w, True)
    global WB
    WB = coder[4]
    walk(coder, out, new_contexts(CONTEXTS), values, known, b, hb, w, off, aro, step, low, high, True)
    size = finish(coder, out)
    return out[1:size].tobytes().rstrip(b"\0"), values

def decode_residual(data, base, background, values, step, low, high):
    values = np.array(values, dtype=np.int32, order="C")
    known = np.ascontiguousarray(background)
    off, aro = flat(values.shape[1])
    hb = base is not None
    b = padded(np.ascontiguousarray(base), known, 1).reshape(-1) if hb else np.zeros(1, np.int32)
    stream = np.frombuffer(data, dtype=np.uint8).copy()
    w = np.zeros((ACTIVITIES, len(off) + ((1 + len(aro)) if hb else 0)), np.int32)
    coder = new_decoder(stream)
    code_weights(coder, stream, new_contexts(3 + NUMBER_CONTEXTS), w, False)
    walk(coder, stream, new_contexts(CONTEXTS), values, known, b, hb, w, off, aro, step, low, high, False)
    return values
