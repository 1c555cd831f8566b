"""What the parameters of a study do: tables of effects, importance, slices of a model."""
