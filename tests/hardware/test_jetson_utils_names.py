"""On a box: the real jetson-utils has every name, keyword and fault that the fake says it has."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from support.jetson.table import ATTRIBUTES, CONSTRUCTORS, FUNCTIONS, METHODS

pytestmark = pytest.mark.jetson


@pytest.fixture(scope="module")
def ju() -> ModuleType:
    import jetson_utils_python

    jetson_utils_python.Log.SetLevel("silent")
    return jetson_utils_python


def complaint(function, keyword: str) -> str:
    """What a function says of None for a keyword."""
    try:
        function(**{keyword: None})
    except Exception as error:  # noqa: BLE001 - which it is, is not asked
        return str(error)
    return ""


def test_every_name_is_there(ju: ModuleType) -> None:
    missing = [name for name in (*FUNCTIONS, *CONSTRUCTORS, *METHODS) if not hasattr(ju, name)]
    missing += [
        f"{kind}.{name}"
        for kind, names in {**METHODS, **ATTRIBUTES}.items()
        for name in names
        if not hasattr(getattr(ju, kind), name)
    ]
    assert missing == []


@pytest.mark.parametrize("name", [name for name, words in FUNCTIONS.items() if words and words[0][0] != "<"])
def test_every_keyword_is_known(ju: ModuleType, name: str) -> None:
    """The parser of a C function complains of a keyword it does not know before it looks at any value."""
    assert [word for word in FUNCTIONS[name] if "keyword" in complaint(getattr(ju, name), word)] == []


def test_pixels_share_memory_with_a_mapped_image_and_bgr_is_a_format(ju: ModuleType) -> None:
    source, target = ju.cudaImage(8, 4, "rgb8"), ju.cudaImage(width=8, height=4, format="bgr8")
    assert (target.format, target.mapped, target.shape, target.size) == ("bgr8", True, (4, 8, 3), 96)
    np.asarray(source)[:] = (1, 2, 3)
    stream = ju.cudaStreamCreate()
    ju.cudaConvertColor(source, target, stream=stream)
    ju.cudaStreamSynchronize(stream)
    assert tuple(np.asarray(target)[3, 7]) == (3, 2, 1)
    ju.cudaStreamDestroy(stream)


def test_a_view_over_device_memory_takes_a_copy(ju: ModuleType) -> None:
    batch = ju.cudaMalloc(size=2 * 96)
    source, back = ju.cudaImage(8, 4, "bgr8"), ju.cudaImage(8, 4, "bgr8")
    np.asarray(source)[:] = 7
    second = ju.cudaImage(width=8, height=4, format="bgr8", ptr=batch.ptr + 96)
    assert second.freeOnDelete is False
    ju.cudaMemcpy(second, source)
    ju.cudaMemcpy(back, second)
    ju.cudaDeviceSynchronize()
    assert np.asarray(back).min() == 7


def test_errors_are_bare_exceptions_that_begin_with_cuda_error(ju: ModuleType) -> None:
    with pytest.raises(Exception, match=r"CUDA error \(\d+\) - ") as caught:
        ju.cudaConvertColor(ju.cudaImage(8, 4, "rgb8"), ju.cudaImage(8, 4, "nv12"))
    assert type(caught.value) is Exception
