"""Effects of a study's parameters: tables of effects, importance, slices of a model."""
