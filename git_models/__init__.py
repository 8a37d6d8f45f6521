"""Keep model weights out of git and next to it: `git models`."""

__version__ = "0.1.0"
