"""What every test needs before its module is imported."""

from engines.runtime.torchvision_compat import ensure_torchvision

# Some test modules import peft or transformers first, and these import torchvision.
ensure_torchvision()
