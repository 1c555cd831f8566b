"""Callbacks for training libraries: each reports what is logged, and ends the training when the trial shall stop.

    from tuned.integrations.lightning import TunedCallback     # also .keras and .transformers
    from tuned.integrations.sklearn import fit_partially, cross_validate

Standard library alone until a name is asked for: nothing here imports a library that the script does not use.
"""
