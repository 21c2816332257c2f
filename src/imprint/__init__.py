"""Turn a folder of raw text into a dataset that people can stand behind."""

__version__ = "0.1.0"
