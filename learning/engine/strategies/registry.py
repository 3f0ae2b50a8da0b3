"""The registry of query strategies."""

from learning.engine.registry import Registry

strategies = Registry("strategies")
