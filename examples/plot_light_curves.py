"""
Look at light curves
====================

:class:`~sklearn_tde.inspection.LightCurveDisplay` draws one object: its detections, what was
measured below the threshold, and its upper limits. With a gridder it also draws what a network
gets to see.
"""

# %%
# A simulated sample with forced photometry, which is measured also where nothing is detected.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_tde import LightCurveDisplay, LightCurveGridder, make_transients

X, y = make_transients(n_tde=10, n_sn_ia=10, forced_photometry=True, random_state=3)
tde, supernova = (X.index[np.flatnonzero(y == label)[1]] for label in ("TDE", "SN Ia"))

# %%
# A TDE and a type Ia supernova. Filled points are detections of 5 sigma or more; the clock starts
# at the first that another one confirms. The TDE stays blue and fades slowly; the supernova turns
# red within weeks.

fig, axes = plt.subplots(2, 1, figsize=(7, 6.4), sharex=True, layout="constrained")
for ax, name, label in zip(axes, (tde, supernova), ("TDE", "SN Ia"), strict=True):
    LightCurveDisplay.from_light_curves(X, name, label=label, ax=ax)
axes[0].set_xlabel("")
plt.show()

# %%
# In magnitudes, what is no detection becomes a 5-sigma upper limit.

LightCurveDisplay.from_light_curves(X, supernova, brightness="magnitude", time="absolute")
plt.show()

# %%
# The gridder interpolates each band and marks the steps that hold an observation. The panel in the
# middle is its result as it is, scaled and in logarithms; the network reads the marked steps only.

gridder = LightCurveGridder()
LightCurveDisplay.from_light_curves(X, tde, gridder=gridder, label="TDE")
plt.show()

# %%
# The reference recipe starts at the first detection, has a step every day, and masks of "between
# the first and the last observation".

LightCurveDisplay.from_light_curves(X, tde, gridder=LightCurveGridder.reference(), label="TDE")
plt.show()
