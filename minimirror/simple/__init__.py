"""The simple API as installers read it."""
