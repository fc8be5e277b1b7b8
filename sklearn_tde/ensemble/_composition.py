"""What it is to be made of named members: parameters by their names, and tags."""

from __future__ import annotations

from typing import Any, Self

from sklearn.utils import Tags
from sklearn.utils.metaestimators import _BaseComposition

from sklearn_tde.ensemble._members import input_tags


class MembersByName(_BaseComposition):
    """An estimator with a list of (name, estimator) as its parameter `estimators`."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of the members included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the members, by name, and their parameters.

        Returns
        -------
        params : dict
            The parameters.
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, members by their names or parameters of members.

        Parameters
        ----------
        **params : dict
            Such as ``lstm__classifier__lr=1e-3``.

        Returns
        -------
        self : object
            The composition.
        """
        return self._set_params("estimators", **params)

    def __sklearn_tags__(self) -> Tags:
        """Return the tags: what all members take goes in."""
        tags = super().__sklearn_tags__()
        tags.input_tags = input_tags(self.estimators)
        tags.no_validation = not tags.input_tags.two_d_array
        return tags
