"""Helpers for testing distributed code, for users and for the project itself."""

from __future__ import annotations

from dist.testing.transport import check_transport

__all__ = ["check_transport"]
