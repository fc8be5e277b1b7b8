"""Objects unlike the training classes, flagged rather than forced into one."""

from ._detector import TransientNoveltyDetector

__all__ = ["TransientNoveltyDetector"]
