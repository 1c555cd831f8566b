"""Plain data, and a study's specification, as TOML."""
