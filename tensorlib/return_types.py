"""Named tuples that operations with several results return: `return_types.max` with `values` and `indices`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

_VALUES_AND_INDICES = ("cummax", "cummin", "kthvalue", "max", "median", "min", "mode", "nanmedian", "sort", "topk")
_FIELDS = dict.fromkeys(_VALUES_AND_INDICES, "values indices") | {
    "aminmax": "min max",
    "eig": "eigenvalues eigenvectors",
    "frexp": "mantissa exponent",
    "geqrf": "a tau",
    "histogram": "hist bin_edges",
    "histogramdd": "hist bin_edges",
    "linalg_cholesky_ex": "L info",
    "linalg_eig": "eigenvalues eigenvectors",
    "linalg_eigh": "eigenvalues eigenvectors",
    "linalg_inv_ex": "inverse info",
    "linalg_ldl_factor": "LD pivots",
    "linalg_ldl_factor_ex": "LD pivots info",
    "linalg_lstsq": "solution residuals rank singular_values",
    "linalg_lu": "P L U",
    "linalg_lu_factor": "LU pivots",
    "linalg_lu_factor_ex": "LU pivots info",
    "linalg_qr": "Q R",
    "linalg_slogdet": "sign logabsdet",
    "linalg_solve_ex": "result info",
    "linalg_svd": "U S Vh",
    "lu_unpack": "P L U",
    "qr": "Q R",
    "slogdet": "sign logabsdet",
    "svd": "U S V",
    "symeig": "eigenvalues eigenvectors",
    "triangular_solve": "solution cloned_coefficient",
}


def _text(self: Any) -> str:
    lines = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
    return f"tensorlib.return_types.{type(self).__name__}(\n{lines})"


def _made(name: str, fields: str) -> Any:
    return type(name, (namedtuple(name, fields),), {"__slots__": (), "__module__": __name__, "__repr__": _text})


class _Types(dict[str, Any]):
    """The types by their names, each made when it is first asked for: making all takes as long as many imports."""

    def __missing__(self, name: str) -> Any:
        self[name] = _made(name, _FIELDS[name])
        return self[name]


TYPES = _Types()


def __getattr__(name: str) -> Any:
    if name not in _FIELDS:
        raise AttributeError(f"module 'tensorlib.return_types' has no attribute {name!r}")
    return TYPES[name]


def __dir__() -> list[str]:
    return sorted(_FIELDS)
