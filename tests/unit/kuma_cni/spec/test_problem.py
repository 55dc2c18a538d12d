"""Errors in the words and numbers of the specification."""

from __future__ import annotations

from kuma_cni.spec import problem
from kuma_cni.spec.problem import CniError


def test_an_error_is_a_sentence_with_its_details() -> None:
    error = CniError(11, "try again later", "the API server is down")
    assert (error.code, error.details) == (11, "the API server is down")
    assert str(error) == "try again later: the API server is down"
    assert str(CniError(4, "no")) == "no"


def test_codes_are_those_of_the_specification_or_beyond_its_own() -> None:
    """Section 5, "Error": 1 to 8 and 11; 50 of STATUS; from 100 on a plugin's own."""
    codes = {name: value for name, value in vars(problem).items() if name.isupper()}
    well_known = {
        "INCOMPATIBLE_VERSION": 1,
        "INVALID_ENVIRONMENT": 4,
        "IO_FAILURE": 5,
        "DECODING_FAILURE": 6,
        "INVALID_CONFIG": 7,
        "INVALID_NETNS": 8,
        "TRY_AGAIN_LATER": 11,
        "NOT_AVAILABLE": 50,
    }
    own = {name: code for name, code in codes.items() if name not in well_known}
    assert codes.items() >= well_known.items()
    assert all(100 <= code < 256 for code in own.values())
    assert len(set(codes.values())) == len(codes)
