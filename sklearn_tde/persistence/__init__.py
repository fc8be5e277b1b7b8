"""Models on the move: files that are safe to load from strangers, and ONNX for other languages."""

from sklearn_tde.persistence._container import ModelFileError
from sklearn_tde.persistence._export import export_onnx
from sklearn_tde.persistence._models import load_model, read_model_card, save_model

__all__ = ["ModelFileError", "export_onnx", "load_model", "read_model_card", "save_model"]
