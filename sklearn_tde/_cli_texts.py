"""What ``--help`` says about ``sklearn-tde`` and its commands, beside the arguments."""

from __future__ import annotations

DESCRIPTION = """\
Find tidal disruption events (TDEs) in the light curves of transients.

  simulate        write a simulated sample
  cross-validate  how far can the probabilities be trusted? table, plots
  fit             train a model and save it
  predict         rank new objects with a saved model
"""

EPILOG = """\
examples:
  sklearn-tde cross-validate --output results
  sklearn-tde simulate observations.csv objects.csv
  sklearn-tde fit observations.csv --objects objects.csv --output model.joblib
  sklearn-tde predict model.joblib new.csv --output ranked.csv

exit status: 0 all is well; 1 internal error; 2 bad input, with one line that says what;
130 interrupted.
"""

SIMULATE = """\
examples:
  sklearn-tde simulate observations.csv objects.csv
  sklearn-tde simulate obs.parquet obj.parquet --n-tde 500 --n-sn-ia 5000 --n-agn 500
"""

CROSS_VALIDATE = """\
Without OBSERVATIONS the embedded simulated sample is used, 66 TDEs and 555 SNe Ia. The class
--positive-class is told from all others together; --classes leaves out objects of other classes,
and --multiclass, the default of --model recommended, keeps the classes apart (then there is no
threshold, but that of --model recommended). The threshold is tuned for balanced accuracy within
each training fold.

--output writes report.txt, scores.csv, folds.csv, predictions.csv (out of fold) and the figures
confusion_matrix, precision_recall, calibration, light_curve and, of networks, training_history.

examples:
  sklearn-tde cross-validate --output results
  sklearn-tde cross-validate observations.parquet --objects objects.parquet \\
      --classes "TDE,SN Ia" --repeats 3 --output results
  sklearn-tde cross-validate obs.csv --objects obj.csv --reference --epochs 100
"""

FIT = """\
With --model recommended give all classes that are known, not only TDEs and others: it finds TDEs
better by what it learns of the others, and keeps them apart. The other models learn all others as
one, unless --multiclass is given. The threshold is tuned for balanced accuracy, not for F1 as by
make_tde_classifier in Python.

The model is a scikit-learn estimator. In a file that ends in .tde it can be shared: loading it,
with predict or sklearn_tde.load_model, executes nothing, and a README.md inside says what it is
(needs skops, pip install "sklearn-tde[share]"). With any other ending it is a joblib file, which
can execute any code when it is loaded: load only joblib files that you trust like a program.

examples:
  sklearn-tde fit observations.csv --objects objects.csv --output model.joblib
  sklearn-tde fit observations.csv --objects objects.csv --output model.tde
  sklearn-tde fit observations.csv --objects objects.csv --output model.joblib \\
      --model recommended
  sklearn-tde fit alerts.csv --object-id oid --time mjd --band fid --band-name 1=g \\
      --band-name 2=r --mag magpsf --mag-err sigmapsf --sign isdiffpos --label class \\
      --output model.joblib
"""

PREDICT = """\
The table has one row per object, the most probable first: rank, object_id, probability,
prediction, n_observations, first_time, last_time. The prediction is one of the classes that fit
has learned, however many. Ties stay in the order of the input.

A Parquet file may be larger than the memory: it is read and scored in chunks, quickest if the
rows of each object are next to each other. CSV and the table of --objects are read as a whole.
With --output, every chunk is kept in the folder TABLE.part as soon as it is scored, and TABLE is
written when all are. After an interruption of any kind the same command goes on where it stopped;
if MODEL, a table or an option has changed, it asks for --restart.

A MODEL that ends in .tde is safe to load from anyone (needs skops). Any other is a joblib file,
which can execute any code when it is loaded: use only files that you trust like a program.

examples:
  sklearn-tde predict model.joblib new.csv --output ranked.csv
  sklearn-tde predict model.joblib new.parquet | head
  sklearn-tde predict model.joblib tonight.parquet --output ranked.parquet
"""
