"""The configuration file: one TOML file, checked whole on load, every fault named."""
