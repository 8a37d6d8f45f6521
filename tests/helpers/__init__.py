"""What tests share: a sealed environment and a shell to play a story in."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout that is being tested."""
