from typing import Any

class TensorMethods:
    def __getattr__(self, name: str) -> Any: ...
