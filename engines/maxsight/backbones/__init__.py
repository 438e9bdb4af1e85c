"""The picture's features at three scales."""
