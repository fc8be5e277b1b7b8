"""Groups of features of light curves, one module each.

Every module has two functions: ``names(bands)`` returns the names of its features, and
``compute(curves)`` their values, shape (n_objects, n_features), NaN (or infinite, which the caller
turns into NaN) where a feature is undefined. The caller silences NumPy's floating-point warnings.
"""
