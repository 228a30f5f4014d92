"""Numbers and names as text."""

from __future__ import annotations

import pytest

from radcodec.bench.report import words

MINUS = words.MINUS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.1671, f"{MINUS}16.7\u00a0%"),
        (0.5, "+50.0\u00a0%"),
        (-0.0001, "0.0\u00a0%"),
        (None, words.NONE),
    ],
)
def test_percent(value: float | None, text: str) -> None:
    assert words.percent(value) == text


def test_interval() -> None:
    assert words.interval([-0.2, 0.05]) == f"{MINUS}20.0 to +5.0\u00a0%"
    assert words.interval(None) == words.NONE


def test_qualities() -> None:
    assert words.decibels(None) == words.decibels(float("inf")) == "exact"
    assert words.decibels(41.256) == "41.26"
    assert [words.similarity(x) for x in (0.5, 0.99966, 0.999996, 1, None)] == [
        "0.5000",
        "0.99966",
        "0.999996",
        "1",
        words.NONE,
    ]


def test_speeds_and_memory() -> None:
    assert [words.speed(x) for x in (123.4, 12.34, 0.01234, 0, None)] == [
        "123",
        "12.3",
        "0.0123",
        words.NONE,
        words.NONE,
    ]
    assert words.times(1, 10) == "0.100\u00a0×"  # noqa: RUF001
    assert words.times(None, 10) == words.times(1, None) == words.NONE
    assert [words.memory(x) for x in (1.2e8, 3e9, None)] == [
        "114\u00a0MiB",
        "2.8\u00a0GiB",
        words.NONE,
    ]


def test_lists() -> None:
    assert [words.listed(list(x)) for x in ("", "a", "ab", "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert (words.count(1, "image"), words.count(1200, "image")) == ("1 image", "1,200 images")


def test_untrusted_text_keeps_to_its_line() -> None:
    assert words.printable("a\nb\x00c\u202egnp.dcm\udcff") == "a b\ufffdc\ufffdgnp.dcm\ufffd"
    assert words.cleaned({"a\n": ["\x07", 1, None]}) == {"a ": ["\ufffd", 1, None]}
