"""What no model may be for, and under which terms none is taken."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

_FORBIDDEN_WORDS = {
    "faces": "face faces facial facenet arcface iris",
    "number plates": "plate plates lp lpr anpr alpr",
    "reading text": "ocr text digit digits character characters",
    "recognising persons again": "reid identity identities identification biometric biometrics gait",
}
_FORBIDDEN_RUNS = {
    "facerecog": "faces",
    "khuonmat": "faces",
    "licenseplate": "number plates",
    "licenceplate": "number plates",
    "numberplate": "number plates",
    "bienso": "number plates",
    "reidentif": "recognising persons again",
}


def forbidden_label(label: str) -> str | None:
    """Say which forbidden purpose a label or model name betrays, or None.

    The software looks for incidents, never for identities: a model that finds faces or number plates, reads text or
    recognises persons again is refused whatever it is wanted for. Whole words count (``surface`` is no face), and a
    few that are also told by their letters run together; case, camelCase and Vietnamese marks make no difference.
    """
    words = _words(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", label))
    for purpose, names in _FORBIDDEN_WORDS.items():
        if set(names.split()) & set(words):
            return purpose
    if ("re", "id") in pairwise(words):
        return "recognising persons again"
    run = "".join(words)
    return next((purpose for letters, purpose in _FORBIDDEN_RUNS.items() if letters in run), None)


_AGPL = "the AGPL, which would bind whoever runs the model"
_NOT_COMMERCIAL = "terms that do not allow every use"
_TERMS = {"agpl": _AGPL, "affero": _AGPL, "agplv3": _AGPL, "nc": _NOT_COMMERCIAL}
_TERM_RUNS = ("noncommercial", "notforcommercial", "researchonly", "researchuse", "researchpurpose", "academicuse")
_MAKERS = {"ultralytics": f"Ultralytics' terms ({_AGPL})", "deci": f"Deci's terms ({_NOT_COMMERCIAL})"}
_AGPL_FAMILY = re.compile(r"yolov?(5|8|10|11|12|26)[nsmlxbu]?u?")
"""YOLOv5, v8, v10, 11, 12 and 26 with the letter of their size: code and weights are under the AGPL."""


def forbidden_terms(licence: str) -> str | None:
    """Say which terms a licence's text puts a model under that this software does not take, or None.

    Boxes belong to communes and their contractors, who run what they are given: weights under the AGPL (Ultralytics')
    or for non-commercial use alone (CC BY-NC, Deci's) would put terms on them that they never saw.
    """
    words = _words(licence)
    run = "".join(words)
    if any(letters in run for letters in _TERM_RUNS):
        return _NOT_COMMERCIAL
    return next((_TERMS[word] for word in words if word in _TERMS), None) or forbidden_maker(licence)


def forbidden_maker(name: str) -> str | None:
    """Say which such terms a model's name or address betrays, or None."""
    words = _words(name)
    if any(pair in (("yolo", "nas"), ("super", "gradients")) for pair in pairwise(words)) or "yolonas" in words:
        return _MAKERS["deci"]
    if any(_AGPL_FAMILY.fullmatch(word) for word in words):
        return _MAKERS["ultralytics"]
    return next((_MAKERS[word] for word in words if word in _MAKERS), None)


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z0-9]+", plain.lower())
